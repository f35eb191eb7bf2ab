const { withStorage } = require('../connection.js');
const { EXIT } = require('../exit-codes.js');
const { oneLine, printJson, say } = require('../output.js');

/** @import { GlobalOptions } from '../connection.js' */

/**
 * @param {GlobalOptions & { events?: number }} options
 * @param {string} id
 */
async function exportUser(options, id) {
  const found = await withStorage(options, (storage, signal) =>
    storage.exportUser(id, { eventLimit: options.events, signal }),
  );
  if (found === null) {
    say(`error: nothing is stored about the user ${oneLine(id)}`);
    if (options.json) printJson(null);
    return EXIT.findings;
  }
  printJson(found);
  return EXIT.done;
}

module.exports = { exportUser };
