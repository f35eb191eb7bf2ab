/** The table of methods: how each encodes its arguments, and how it decodes what the core answers. */

const { ADMINISTRATION } = require('./administration.js');
const { json, optionalJson, optionalText, text, textOrNull } = require('./arguments.js');
const { list, orNull, page, toUndefined, unchanged } = require('./decoders.js');
const { method, methodWithOptions } = require('./method.js');
const results = require('./results.js');
const { userExport } = require('./user-export.js');

/** @import { Decode, Encode, Method, MethodName, ResultOf } from './types.js' */

const { apiKey, apiKeyWithSecret, backupCode, device, emailToken, event, health, organization, role, session } =
  results;
const { apiKeyContext, eventCount, sessionContext } = results;
const { ssoLink, ssoProvider, ssoSession, tenantConfig, tenantConfigRecord, twoFactorSession, user } = results;

/**
 * A method that returns a page of a list.
 *
 * @template Item
 * @param {Encode[]} encoders
 * @param {Decode<Item>} decode
 */
const listMethod = (encoders, decode) => ({ ...methodWithOptions(encoders, page(decode)), isList: true });

/** @type {{ [Name in MethodName]: Method<ResultOf<Name>> }} */
const METHODS = {
  connect: method([], toUndefined),
  // Its `timeoutMs` is not a call option. It says how long running calls may take to end.
  disconnect: { encoders: [optionalJson('options')], decode: toUndefined, readCallOptions: () => ({}) },
  healthCheck: method([], health),
  ...ADMINISTRATION,
  sweep: methodWithOptions([], unchanged),
  countRecords: method([], unchanged),
  exportUser: methodWithOptions([text('id')], orNull(userExport)),
  eraseUser: methodWithOptions([text('id')], toUndefined),

  createUser: method([json('user')], user),
  getUser: method([text('id')], orNull(user)),
  getUserByEmail: method([text('email')], orNull(user)),
  getUserByOAuth: method([text('provider'), text('sub')], orNull(user)),
  listUsers: listMethod([], user),
  updateUser: methodWithOptions([text('id'), json('patch')], user),
  deleteUser: method([text('id')], toUndefined),
  setPasswordHash: method([text('userId'), textOrNull('hash')], toUndefined),
  getPasswordHash: method([text('userId')], unchanged),
  linkOAuthAccount: method([text('userId'), text('provider'), json('link')], user),
  unlinkOAuthAccount: method([text('userId'), text('provider')], user),

  createSession: method([json('session')], session),
  getSession: method([text('id')], orNull(session)),
  listUserSessions: listMethod([text('userId')], session),
  getSessionContext: methodWithOptions([text('sessionId')], orNull(sessionContext)),
  updateSession: methodWithOptions([text('id'), json('patch')], session),
  deleteSession: method([text('id')], toUndefined),
  deleteUserSessions: methodWithOptions([text('userId')], unchanged),
  deleteExpiredSessions: methodWithOptions([], unchanged),

  createApiKey: method([json('apiKey')], apiKey),
  getApiKey: method([text('id')], orNull(apiKey)),
  getApiKeyByHash: method([text('hash')], orNull(apiKey)),
  getApiKeysByPrefixAndLastFour: method([text('prefix'), text('lastFour')], list(apiKey)),
  updateApiKey: methodWithOptions([text('id'), json('patch')], apiKey),
  deleteApiKey: method([text('id')], toUndefined),
  listApiKeys: method([text('principalId')], list(apiKey)),
  createApiKeyWithSecret: method([text('principalId'), json('scopes'), optionalText('prefix')], apiKeyWithSecret),
  verifyApiKeySecret: method([text('key')], orNull(apiKey)),
  getApiKeyContext: method([text('key')], orNull(apiKeyContext)),
  rotateApiKey: methodWithOptions([text('id')], apiKeyWithSecret),

  createOrganization: method([json('organization')], organization),
  getOrganization: method([text('id')], orNull(organization)),
  listOrganizations: listMethod([], organization),
  listUserOrganizations: listMethod([text('userId')], organization),
  updateOrganization: methodWithOptions([text('id'), json('patch')], organization),
  addOrganizationMember: method([text('orgId'), json('member')], organization),
  setOrganizationMemberRole: method([text('orgId'), text('userId'), text('role')], organization),
  removeOrganizationMember: method([text('orgId'), text('userId')], organization),
  deleteOrganization: method([text('id')], toUndefined),

  createEmailVerificationToken: method([json('token')], emailToken),
  getEmailVerificationTokens: method([text('email'), optionalText('type')], list(emailToken)),
  getEmailVerificationTokenById: method([text('id')], orNull(emailToken)),
  markEmailVerificationTokenAsUsed: method([text('id')], emailToken),
  deleteExpiredEmailVerificationTokens: method([], unchanged),
  getEmailVerificationTokenAttempts: method([text('id')], unchanged),
  incrementEmailVerificationTokenAttempts: method([text('id')], unchanged),

  emitEvent: method([json('event')], toUndefined),
  listEvents: listMethod([], event),
  countEvents: methodWithOptions([], list(eventCount)),

  createRole: method([json('role')], role),
  getRole: method([text('id')], orNull(role)),
  updateRole: methodWithOptions([text('id'), json('patch')], role),
  deleteRole: method([text('id')], toUndefined),
  listRoles: method([text('orgId')], list(role)),
  assignRoleToUser: method([text('userId'), text('roleId'), text('orgId')], role),
  revokeRoleFromUser: method([text('userId'), text('roleId'), text('orgId')], toUndefined),
  getUserRoles: method([text('userId'), text('orgId')], list(role)),

  createSSOProvider: method([json('provider')], ssoProvider),
  getSSOProvider: method([text('id')], orNull(ssoProvider)),
  updateSSOProvider: methodWithOptions([text('id'), json('patch')], ssoProvider),
  deleteSSOProvider: method([text('id')], toUndefined),
  listSSOProviders: method([optionalText('orgId')], list(ssoProvider)),
  createSSOLink: method([json('link')], ssoLink),
  getSSOLink: method([text('id')], orNull(ssoLink)),
  getSSOLinkBySubject: method([text('providerId'), text('providerSubject')], orNull(ssoLink)),
  getUserSSOLinks: method([text('userId')], list(ssoLink)),
  deleteSSOLink: method([text('id')], toUndefined),
  createSSOSession: method([json('session')], ssoSession),
  getSSOSession: method([text('id')], orNull(ssoSession)),
  storeTenantSAMLConfig: method([json('config')], toUndefined),
  getTenantSAMLConfig: method([text('tenantId')], orNull(tenantConfig)),
  getTenantSAMLConfigRecord: method([text('tenantId')], orNull(tenantConfigRecord)),
  updateTenantSAMLConfig: methodWithOptions([text('tenantId'), json('patch')], toUndefined),
  deleteTenantSAMLConfig: method([text('tenantId')], toUndefined),

  createTwoFactorDevice: method([json('device')], device),
  getTwoFactorDevice: method([text('id')], orNull(device)),
  updateTwoFactorDevice: methodWithOptions([text('id'), json('patch')], device),
  listTwoFactorDevices: method([text('userId')], list(device)),
  deleteTwoFactorDevice: method([text('id')], toUndefined),
  useTwoFactorStep: method([text('deviceId'), json('step')], toUndefined),
  createBackupCodes: method([text('userId'), json('codes')], list(backupCode)),
  getBackupCodes: method([text('userId')], list(backupCode)),
  markBackupCodeUsed: method([text('id')], toUndefined),
  createTwoFactorSession: method([json('session')], twoFactorSession),
  getTwoFactorSession: method([text('id')], orNull(twoFactorSession)),
  completeTwoFactorSession: method([text('id')], toUndefined),
  incrementTwoFactorSessionAttempts: method([text('id')], unchanged),
};

module.exports = { METHODS };
