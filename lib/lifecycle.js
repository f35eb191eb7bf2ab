/** Methods that are about the connection or the tables as a whole. */

/** @import { MethodName } from './types.js' */

/** @type {MethodName[]} */
const METHODS = [
  'baseline',
  'connect',
  'diagnose',
  'disconnect',
  'grants',
  'healthCheck',
  'migrate',
  'migrationSql',
  'migrationStatus',
  'previewRollback',
  'rollback',
];

/** `query_timeout` does not limit these, and a transaction has none of them. @type {ReadonlySet<string>} */
const LIFECYCLE = new Set(METHODS);

module.exports = { LIFECYCLE };
