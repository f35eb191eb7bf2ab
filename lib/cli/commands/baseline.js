const { withStorage } = require('../connection.js');
const { EXIT } = require('../exit-codes.js');
const { print, printJson } = require('../output.js');

/** @import { GlobalOptions } from '../connection.js' */

/** @param {GlobalOptions} options */
async function baseline(options) {
  const migrations = await withStorage(options, (storage, signal) => storage.baseline({ signal }));
  if (options.json) printJson({ migrations });
  else if (migrations.length === 0) print('There is a bookkeeping already.');
  else for (const id of migrations) print(`noted ${id}`);
  return EXIT.done;
}

module.exports = { baseline };
