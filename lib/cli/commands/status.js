const { coloursFor } = require('../colours.js');
const { withStorage } = require('../connection.js');
const { EXIT } = require('../exit-codes.js');
const { duration, oneLine, print, printJson, table } = require('../output.js');

/** @import { MigrationEntry, MigrationState } from '../../../index.js' */
/** @import { Style } from '../colours.js' */
/** @import { GlobalOptions } from '../connection.js' */

/** @type {Record<MigrationState, Style>} */
const STYLES = { applied: 'green', pending: 'yellow', edited: 'red', newer: 'red' };

/** @param {MigrationEntry} entry */
function row({ id, state, appliedAt, durationMs }) {
  return [state, oneLine(id), appliedAt?.toISOString() ?? '', durationMs === undefined ? '' : duration(durationMs)];
}

/** @param {GlobalOptions} options */
async function status(options) {
  const { schema, takenOverFrom, migrations } = await withStorage(options, (storage, signal) =>
    storage.migrationStatus({ signal }),
  );
  const isCurrent = migrations.every(({ state }) => state === 'applied');
  if (options.json) {
    printJson({ schema, takenOverFrom, isCurrent, migrations });
  } else {
    const colours = coloursFor(process.stdout);
    const coloured = (/** @type {string} */ text, /** @type {number} */ column, /** @type {string[]} */ [state]) =>
      column === 0 ? colours[STYLES[/** @type {MigrationState} */ (state)]](text) : text;
    print(
      `${colours.bold(`schema ${oneLine(schema)}`)}${takenOverFrom ? `, taken over from version ${takenOverFrom}` : ''}`,
    );
    print(table(migrations.map(row), coloured));
  }
  return isCurrent ? EXIT.done : EXIT.findings;
}

module.exports = { status };
