const { EXIT } = require('../exit-codes.js');
const { print, printJson } = require('../output.js');

/** @import { GlobalOptions } from '../connection.js' */

/** @param {GlobalOptions & { from?: string, to?: string }} options */
async function sql({ from, to, schema, json }) {
  const { PostgresStorageAdapter } = require('../../../index.js');
  // It opens no connection, so that any URL will do.
  const storage = new PostgresStorageAdapter('postgres://localhost', schema ? { schema } : {});
  const script = await storage.migrationSql({
    ...(from !== undefined && from !== 'none' && { from }),
    ...(to !== undefined && { to: to === 'none' ? null : to }),
  });
  if (json) printJson({ sql: script });
  else print(script.trimEnd());
  return EXIT.done;
}

module.exports = { sql };
