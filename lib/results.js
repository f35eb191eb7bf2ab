/** Decoders of the records. What the core answers is JSON, so that Dates arrive as text. */

const { dates } = require('./decoders.js');

/**
 * @import { ApiKeyContext, ApiKeyRecord, ApiKeyWithSecret, BackupCode, EmailVerificationToken, EventCount, EventRecord, HealthStatus,
 *   OAuthLink, OrganizationMember, OrganizationRecord, RoleRecord, SessionContext, SessionRecord, SSOLink,
 *   SSOProvider, SSOSession, SweepRecord, TenantSAMLConfig, TenantSAMLConfigRecord, TwoFactorDevice, TwoFactorSession,
 *   UserRecord } from '../index.js'
 * @import { Decode } from './types.js'
 */

/** @type {Decode<SweepRecord>} */
const sweepRecord = dates('startedAt');
/** @type {Decode<HealthStatus>} */
const health = (status) => {
  if (status.lastSweep) sweepRecord(status.lastSweep);
  return /** @type {HealthStatus} */ (/** @type {unknown} */ (status));
};

/** @type {Decode<OAuthLink>} */
const oauthLink = dates('linkedAt');
/** @type {Decode<UserRecord>} */
const userDates = dates('createdAt', 'updatedAt');
/** @type {Decode<UserRecord>} */
const user = (record) => {
  if (record.oauth) Object.values(record.oauth).forEach(oauthLink);
  return userDates(record);
};

/** @type {Decode<SessionRecord>} */
const session = dates('expiresAt', 'createdAt', 'updatedAt');

/** @type {Decode<ApiKeyRecord>} */
const apiKey = dates('expiresAt', 'createdAt', 'updatedAt');
/** @type {Decode<ApiKeyWithSecret>} */
const apiKeyWithSecret = (result) => {
  apiKey(result.record);
  return /** @type {ApiKeyWithSecret} */ (/** @type {unknown} */ (result));
};

/** @type {Decode<OrganizationMember>} */
const member = dates('joinedAt');
/** @type {Decode<OrganizationRecord>} */
const organizationDates = dates('createdAt', 'updatedAt');
/** @type {Decode<OrganizationRecord>} */
const organization = (record) => {
  record.members.forEach(member);
  return organizationDates(record);
};

/** @type {Decode<EmailVerificationToken>} */
const emailToken = dates('expiresAt', 'createdAt', 'usedAt');

/** @type {Decode<EventRecord>} */
const event = dates('timestamp');
/** @type {Decode<EventCount>} */
const eventCount = dates('start');

/** @type {Decode<RoleRecord>} */
const role = dates('createdAt', 'updatedAt');

/** @type {Decode<SessionContext>} */
const sessionContext = (context) => {
  session(context.session);
  user(context.user);
  if (context.organization) organization(context.organization);
  context.roles.forEach(role);
  return /** @type {SessionContext} */ (/** @type {unknown} */ (context));
};

/** @type {Decode<ApiKeyContext>} */
const apiKeyContext = (context) => {
  apiKey(context.apiKey);
  if (context.user) user(context.user);
  if (context.organization) organization(context.organization);
  return /** @type {ApiKeyContext} */ (/** @type {unknown} */ (context));
};

/** @type {Decode<SSOProvider>} */
const ssoProvider = dates('createdAt', 'updatedAt');
/** @type {Decode<SSOLink>} */
const ssoLink = dates('linkedAt', 'lastAuthAt');
/** @type {Decode<SSOSession>} */
const ssoSession = dates('expiresAt', 'linkedAt', 'lastAuthAt');

/**
 * The `createdAt` and `updatedAt` of a tenant's configuration are the application's: Dates if they read like one's JSON.
 *
 * @type {Decode<TenantSAMLConfig>}
 */
const tenantConfig = (config) => {
  for (const field of ['createdAt', 'updatedAt']) {
    const text = config[field];
    if (typeof text !== 'string') continue;
    const date = new Date(text);
    if (!Number.isNaN(date.getTime()) && date.toISOString() === text) config[field] = date;
  }
  return /** @type {TenantSAMLConfig} */ (config);
};

/** @type {Decode<TenantSAMLConfigRecord>} */
const tenantConfigDates = dates('createdAt', 'updatedAt');
/** @type {Decode<TenantSAMLConfigRecord>} */
const tenantConfigRecord = (record) => {
  tenantConfig(record.config);
  return tenantConfigDates(record);
};

/** @type {Decode<TwoFactorDevice>} */
const device = dates('createdAt', 'updatedAt', 'lastUsedAt', 'verificationCodeExpiresAt');
/** @type {Decode<BackupCode>} */
const backupCode = dates('createdAt', 'usedAt');
/** @type {Decode<TwoFactorSession>} */
const twoFactorSession = dates('expiresAt', 'createdAt', 'completedAt');

module.exports = {
  ...{ apiKey, apiKeyWithSecret, backupCode, device, emailToken, event, health, organization, role, session },
  ...{ apiKeyContext, eventCount, sessionContext },
  ...{ ssoLink, ssoProvider, ssoSession, tenantConfig, tenantConfigRecord, twoFactorSession, user },
};
