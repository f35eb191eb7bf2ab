const { coloursFor } = require('../colours.js');
const { confirm } = require('../confirm.js');
const { withStorage } = require('../connection.js');
const { EXIT, UsageError } = require('../exit-codes.js');
const { plural, print, printJson, say } = require('../output.js');
const { withProgress } = require('../progress.js');

/** @import { RollbackForecast } from '../../../index.js' */
/** @import { GlobalOptions } from '../connection.js' */

/** @param {RollbackForecast} forecast */
function describe({ migrations, tables, givesBack }) {
  const { bold, red, yellow } = coloursFor(process.stderr);
  say(bold('This would be undone:'));
  for (const id of migrations) say(`  ${id}`);
  const filled = tables.filter(({ rows }) => rows > 0);
  if (givesBack) {
    say(yellow('The database would be given back to the TypeScript adapter. Its rows would be kept.'));
  } else if (filled.length > 0) {
    say(red(bold('These rows would be lost:')));
    for (const { table, rows } of filled) say(`  ${table}  ${rows}`);
  } else {
    say('No row would be lost.');
  }
}

/** @param {GlobalOptions & { to?: string, dropData?: boolean, yes?: boolean }} options */
async function rollback(options) {
  const { to: given, dropData = false, yes = false, json } = options;
  if (given === undefined) throw new UsageError('--to is required: the id of a migration, or "none"');
  const to = given === 'none' ? null : given;
  return withStorage(options, async (storage, signal) => {
    const forecast = await storage.previewRollback({ to, signal });
    if (forecast.migrations.length === 0) {
      if (json) printJson({ migrations: [] });
      else print('There is nothing to undo.');
      return EXIT.done;
    }
    describe(forecast);
    const losesRows = !forecast.givesBack && forecast.tables.some(({ rows }) => rows > 0);
    if (losesRows && !dropData) throw new UsageError('nothing was done: pass --drop-data to lose these rows');
    if (!yes && !(await confirm('Undo this?', signal))) {
      say('Nothing was done.');
      return EXIT.usage;
    }
    const migrations = await withProgress('rolling back', () => storage.rollback({ to, dropData, signal }));
    if (json) printJson({ migrations });
    else print(`${plural(migrations.length, 'migration')} undone`);
    return EXIT.done;
  });
}

module.exports = { rollback };
