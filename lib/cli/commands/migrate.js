const { coloursFor } = require('../colours.js');
const { withStorage } = require('../connection.js');
const { EXIT } = require('../exit-codes.js');
const { duration, plural, print, printJson } = require('../output.js');
const { withProgress } = require('../progress.js');

/** @import { GlobalOptions } from '../connection.js' */

const ignore = () => undefined;

/** @param {GlobalOptions & { to?: string, dryRun?: boolean }} options */
async function migrate(options) {
  const { to, dryRun = false, json } = options;
  if (dryRun) {
    const { migrations, sql = '' } = await withStorage(options, (storage, signal) =>
      storage.migrate({ to, dryRun, signal }),
    );
    if (json) printJson({ migrations, sql });
    else print(migrations.length > 0 ? sql.trimEnd() : '-- Nothing is pending.');
    return EXIT.done;
  }
  const { dim, green } = coloursFor(process.stderr);
  const { migrations } = await withProgress('migrating', (progress) => {
    /** @type {(message: string, fields: Record<string, any>) => void} */
    const info = (message, { migration, durationMs = 0 }) => {
      if (message === 'migration applied') progress.note(`${green('✓')} ${migration} ${dim(duration(durationMs))}`);
      else progress.update(`${message} (${migration})`);
    };
    const logger = { debug: ignore, info, warn: ignore, error: ignore };
    return withStorage(options, (storage, signal) => storage.migrate({ to, signal }), { logger });
  });
  if (json) printJson({ migrations });
  else print(migrations.length > 0 ? `${plural(migrations.length, 'migration')} applied` : 'Nothing is pending.');
  return EXIT.done;
}

module.exports = { migrate };
