/** The whole state of a database beside the reference's. */

import type { Model } from './call';
import { difference, Mismatch } from './compare';

/** What reads one row of each of the reference's tables. */
const READERS = {
  users: 'getUser',
  passwordHashes: 'getPasswordHash',
  sessions: 'getSession',
  apiKeys: 'getApiKey',
  organizations: 'getOrganization',
  tokens: 'getEmailVerificationTokenById',
  roles: 'getRole',
  providers: 'getSSOProvider',
  links: 'getSSOLink',
  ssoSessions: 'getSSOSession',
  samlConfigs: 'getTenantSAMLConfig',
  samlTimes: 'getTenantSAMLConfigRecord',
  devices: 'getTwoFactorDevice',
  twoFactorSessions: 'getTwoFactorSession',
} as const;

/** Lists of a user. */
const USER_LISTS = ['listApiKeys', 'getUserSSOLinks', 'listTwoFactorDevices', 'getBackupCodes'];
const ORGANIZATION_LISTS = ['listApiKeys', 'listRoles', 'listSSOProviders'];

const COUNTS = `
  SELECT (SELECT count(*)::int FROM users) AS users
       , (SELECT count(*)::int FROM password_hashes) AS "passwordHashes"
       , (SELECT count(*)::int FROM sessions) AS sessions
       , (SELECT count(*)::int FROM api_keys) AS "apiKeys"
       , (SELECT count(*)::int FROM organizations) AS organizations
       , (SELECT count(*)::int FROM email_verification_tokens) AS tokens
       , (SELECT count(*)::int FROM email_verification_token_attempts) AS attempts
       , (SELECT count(*)::int FROM roles) AS roles
       , (SELECT count(*)::int FROM user_roles) AS assignments
       , (SELECT count(*)::int FROM sso_providers) AS providers
       , (SELECT count(*)::int FROM sso_links) AS links
       , (SELECT count(*)::int FROM sso_sessions) AS "ssoSessions"
       , (SELECT count(*)::int FROM tenant_saml_configs) AS "samlConfigs"
       , (SELECT count(*)::int FROM twofa_devices) AS devices
       , (SELECT count(*)::int FROM twofa_steps) AS steps
       , (SELECT count(*)::int FROM twofa_backup_codes) AS "backupCodes"
       , (SELECT count(*)::int FROM twofa_sessions) AS "twoFactorSessions"
       , (SELECT count(*)::int FROM user_oauth_accounts) AS "oauthPairs"
       , (SELECT count(*)::int FROM organization_members) AS memberships`;

const EVENTS = `
  SELECT type
       , principal_id AS "principalId"
       , org_id AS "orgId"
       , data
       , round(extract(epoch FROM timestamp) * 1000)::float8 AS ms
    FROM auth_events
   ORDER BY id`;

/** Leaves the tables empty. */
export const RESET = `
  DELETE FROM users;
  DELETE FROM organizations;
  DELETE FROM sso_providers;
  DELETE FROM email_verification_tokens;
  DELETE FROM tenant_saml_configs;
  DELETE FROM auth_events`;

export async function checkEverything(model: Model): Promise<void> {
  const { state } = model;
  for (const [table, method] of Object.entries(READERS)) {
    for (const id of state[table as keyof typeof READERS].keys()) await model.call(method, [id]);
  }
  for (const id of state.users.keys()) for (const method of USER_LISTS) await model.call(method, [id]);
  for (const id of state.organizations.keys()) for (const method of ORGANIZATION_LISTS) await model.call(method, [id]);
  for (const { userId, orgId } of state.assignments) await model.call('getUserRoles', [userId, orgId]);
  for (const id of state.tokens.keys()) await model.call('getEmailVerificationTokenAttempts', [id]);
  for (const { email } of state.tokens.values()) await model.call('getEmailVerificationTokens', [email]);
  await checkCounts(model);
  await checkEvents(model);
}

async function checkCounts({ state, query }: Model): Promise<void> {
  const [counts] = await query<Record<string, number>>(COUNTS);
  const sizeOf = (name: string): number => {
    if (name === 'oauthPairs') return sum([...state.users.values()].map(({ oauth }) => Object.keys(oauth as object)));
    if (name === 'memberships')
      return sum([...state.organizations.values()].map(({ members }) => members as unknown[]));
    const rows = state[name as keyof typeof state] as unknown as unknown[] | Map<string, unknown>;
    return Array.isArray(rows) ? rows.length : rows.size;
  };
  for (const [name, count] of Object.entries(counts ?? {})) {
    if (count !== sizeOf(name)) throw new Mismatch(`${name}: expected ${sizeOf(name)} rows, there are ${count}`);
  }
}

const sum = (lists: unknown[][]) => lists.reduce((total, { length }) => total + length, 0);

async function checkEvents({ state, query }: Model): Promise<void> {
  const stored = (await query(EVENTS)).map(({ orgId, ms, ...event }) => ({
    ...event,
    ...(orgId === null ? {} : { orgId }),
    timestamp: new Date(ms),
  }));
  const found = difference(state.events, stored, 'auth_events');
  if (found) throw new Mismatch(found);
}
