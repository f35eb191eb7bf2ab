/** The attributes that describe a call: `db.*` and `server.*`. */

const { InternalError } = require('../internal-error.js');
const { LIFECYCLE } = require('../lifecycle.js');

/** @import { ObservedCall, ObservedName } from '../types.js' */

/** The table that a method is about. Those that are about none, or about all, have none. @type {[RegExp, string][]} */
const TABLES = [
  [/EmailVerificationToken/, 'email_verification_tokens'],
  [/TwoFactorDevice|TwoFactorStep/, 'twofa_devices'],
  [/TwoFactorSession/, 'twofa_sessions'],
  [/BackupCode/, 'twofa_backup_codes'],
  [/SSOProvider/, 'sso_providers'],
  [/SSOLink/, 'sso_links'],
  [/SSOSession/, 'sso_sessions'],
  [/TenantSAMLConfig/, 'tenant_saml_configs'],
  [/UserOrganizations|Organization/, 'organizations'],
  [/ApiKey/, 'api_keys'],
  [/Event/, 'auth_events'],
  [/UserRoles|RoleToUser|RoleFromUser/, 'user_roles'],
  [/Role/, 'roles'],
  [/Session/, 'sessions'],
  [/PasswordHash/, 'password_hashes'],
  [/User|OAuthAccount/, 'users'],
];

/** Methods that are about the whole database. @type {ReadonlySet<string>} */
const OF_NO_TABLE = new Set([...LIFECYCLE, 'countRecords', 'sweep']);

/** @param {ObservedName} method */
function tableOf(method) {
  return OF_NO_TABLE.has(method) ? undefined : TABLES.find(([pattern]) => pattern.test(method))?.[1];
}

/** @param {ObservedCall} call */
function summaryOf({ operation }) {
  const table = tableOf(operation);
  return table === undefined ? operation : `${operation} ${table}`;
}

/** @param {ObservedCall} call */
function attributesOf({ operation, server }) {
  const table = tableOf(operation);
  return {
    'db.system.name': 'postgresql',
    ...(server.database !== undefined && { 'db.namespace': server.database }),
    ...(table !== undefined && { 'db.collection.name': table }),
    'db.operation.name': operation,
    'server.address': server.address,
    'server.port': server.port,
  };
}

/** @param {unknown} error @returns {{ 'error.type': string, 'db.response.status_code'?: string }} */
function attributesOfError(error) {
  // The function of a transaction throws errors of its own.
  if (!(error instanceof InternalError)) return { 'error.type': '_OTHER' };
  const { code, context } = error;
  return { 'error.type': code, ...(context.sqlState !== undefined && { 'db.response.status_code': context.sqlState }) };
}

module.exports = { OF_NO_TABLE, attributesOf, attributesOfError, summaryOf, tableOf };
