const { withStorage } = require('../connection.js');
const { EXIT } = require('../exit-codes.js');
const { print, printJson } = require('../output.js');

/** @import { GlobalOptions } from '../connection.js' */

/**
 * @param {GlobalOptions} options
 * @param {string} role
 */
async function grants(options, role) {
  const statements = await withStorage(options, (storage, signal) => storage.grants(role, { signal }));
  if (options.json) printJson({ statements });
  else for (const statement of statements) print(`${statement};`);
  return EXIT.done;
}

module.exports = { grants };
