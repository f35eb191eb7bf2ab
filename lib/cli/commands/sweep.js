const { coloursFor } = require('../colours.js');
const { withStorage } = require('../connection.js');
const { EXIT } = require('../exit-codes.js');
const { print, printJson, table } = require('../output.js');
const { withProgress } = require('../progress.js');

/** @import { SweepKind, SweptRows } from '../../../index.js' */
/** @import { GlobalOptions } from '../connection.js' */

/** @param {SweptRows} swept */
function rowsOf(swept) {
  const rows = Object.entries(swept).map(([kind, count]) => [kind, String(count)]);
  const total = Object.values(swept).reduce((sum, count) => sum + count, 0);
  return [...rows, ['total', String(total)]];
}

/**
 * @param {GlobalOptions & {
 *   dryRun?: boolean, kinds?: SweepKind[], olderThan?: string, limit?: number, batchSize?: number
 * }} options
 */
async function sweep(options) {
  const { dryRun = false, kinds, olderThan, limit, batchSize, json } = options;
  const swept = await withProgress(dryRun ? 'counting expired rows' : 'deleting expired rows', () =>
    withStorage(options, (storage, signal) => storage.sweep({ dryRun, kinds, olderThan, limit, batchSize, signal })),
  );
  if (json) {
    printJson(swept);
  } else {
    print(coloursFor(process.stdout).bold(dryRun ? 'would be deleted' : 'deleted'));
    print(table(rowsOf(swept)));
  }
  return EXIT.done;
}

module.exports = { sweep };
