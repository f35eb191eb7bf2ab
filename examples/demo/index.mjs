/**
 * A walk through the product: `npm run demo`, or `npm run demo -- --console` to look at its users and events afterwards.
 *
 * Starts a PostgreSQL server of its own, or, with DATABASE_URL, works in that database in a schema of
 * its own, which it drops at the end.
 */
import { createHash, randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { Secret, TOTP } from 'otpauth';
import { freePort } from '../../scripts/test/postgres-server.cjs';
import { showConsole } from './console.mjs';
import { call, chapter, refused, say, summary } from './output.mjs';
import { findServer } from './server.mjs';

const HOUR = 3_600_000;

const { values: flags } = parseArgs({ options: { console: { type: 'boolean', default: false } } });
const server = await findServer();
const storage = new PostgresStorageAdapter(server.url, server.options);
try {
  await connectAndMigrate();
  const user = await signUp();
  await session(user.id);
  await apiKey(user.id);
  await roles(user.id);
  await secondFactor(user.id);
  await oauthLink(user.id);
  await singleSignOn(user.id);
  await auditTrail(user.id);
  await whatGoesWrong();
  if (flags.console) await showConsole(storage);
  await goodbye();
} finally {
  await storage.disconnect();
  await server.cleanUp();
}
summary();
if (!flags.console) say('The same, with a console to look at what it has made: npm run demo -- --console');

async function connectAndMigrate() {
  chapter('Connect, which also creates the tables');
  await call('connect', () => storage.connect(), 'tables are there');
  await call(
    'healthCheck',
    () => storage.healthCheck(),
    (health) => `status ${health.status}`,
  );
}

async function signUp() {
  chapter('A user signs up');
  const user = await call(
    'createUser',
    () => storage.createUser({ email: 'Ada@example.com', name: 'Ada', entitlements: ['read'] }),
    ({ id }) => `user ${short(id)}`,
  );
  await call('getUserByEmail', () => storage.getUserByEmail('ada@EXAMPLE.com'), 'found, whatever the case');
  return user;
}

/** @param {string} userId */
async function session(userId) {
  chapter('The user logs in: a session, found again at every request');
  const { id } = await call(
    'createSession',
    () => storage.createSession({ userId, entitlements: ['read'], expiresAt: inAnHour() }),
    ({ expiresAt }) => `expires ${expiresAt.toISOString()}`,
  );
  await call(
    'getSession',
    () => storage.getSession(id),
    (found) => `belongs to user ${short(found?.userId)}`,
  );
  await call(
    'getSessionContext',
    () => storage.getSessionContext(id, { extendTo: inAnHour() }),
    (context) => `session, user ${context?.user.name} and roles in one round trip, the expiry moved on`,
  );
}

/** @param {string} userId */
async function apiKey(userId) {
  chapter('An API key: the key itself is seen once, the table holds its hash');
  const { record, key } = await call(
    'createApiKeyWithSecret',
    () => storage.createApiKeyWithSecret(userId, ['read'], 'kit'),
    ({ key }) => `${key.slice(0, 8)}...`,
  );
  await call(
    'verifyApiKeySecret',
    () => storage.verifyApiKeySecret(key),
    (found) => `may ${found?.scopes}`,
  );
  await call(
    'rotateApiKey',
    () => storage.rotateApiKey(record.id),
    ({ key }) => `${key.slice(0, 8)}... replaces it`,
  );
  await call(
    'verifyApiKeySecret',
    () => storage.verifyApiKeySecret(key),
    (found) => (found ? 'still valid' : 'the old key is no longer valid'),
  );
}

/** @param {string} userId */
async function roles(userId) {
  chapter('An organization, a role in it, and the check whether the user may');
  const organization = await call(
    'createOrganization',
    () =>
      storage.createOrganization({
        name: 'Analytical Engines',
        plan: 'team',
        seats: 5,
        members: [{ userId, role: 'owner', joinedAt: new Date() }],
      }),
    ({ members }) => `${members.length} member`,
  );
  const permission = { id: 'documents.write', name: 'Write documents', resource: 'document', action: 'write' };
  const role = await call(
    'createRole',
    () => storage.createRole({ orgId: organization.id, name: 'Editor', permissions: [permission] }),
    ({ name }) => `role ${name}`,
  );
  await call('assignRoleToUser', () => storage.assignRoleToUser(userId, role.id, organization.id), 'assigned');
  await call(
    'getUserRoles',
    () => storage.getUserRoles(userId, organization.id),
    (found) => {
      const may = found.some(({ permissions }) => permissions.some(({ action }) => action === 'write'));
      return `may write documents: ${may ? 'yes' : 'no'}`;
    },
  );
}

/** @param {string} userId */
async function secondFactor(userId) {
  chapter('Two factors: an authenticator app (TOTP), and backup codes for a lost phone');
  const totp = new TOTP({ issuer: 'Demo', label: 'Ada', secret: new Secret({ size: 20 }) });
  const device = await call(
    'createTwoFactorDevice',
    () => storage.createTwoFactorDevice({ userId, method: 'totp', name: 'Phone', secret: totp.secret.base32 }),
    'waits for its first code',
  );
  const code = totp.generate();
  const verified = totp.validate({ token: code }) !== null;
  await call(
    'updateTwoFactorDevice',
    () => storage.updateTwoFactorDevice(device.id, { verified, lastUsedAt: new Date() }),
    `code ${code} fits: ${verified ? 'verified' : 'refused'}`,
  );
  const login = await call(
    'createTwoFactorSession',
    () =>
      storage.createTwoFactorSession({
        userId,
        sessionId: 'pending-login',
        deviceId: device.id,
        method: 'totp',
        expiresAt: inAnHour(),
      }),
    ({ maxAttempts }) => `${maxAttempts} attempts allowed`,
  );
  await call('completeTwoFactorSession', () => storage.completeTwoFactorSession(login.id), 'logged in');

  const hashes = Array.from({ length: 8 }, () => sha256(randomBytes(5).toString('hex')));
  const codes = await call(
    'createBackupCodes',
    () => storage.createBackupCodes(userId, hashes),
    (made) => `${made.length} codes, hashed`,
  );
  const spent = /** @type {typeof codes[number]} */ (codes[0]).id;
  await call('markBackupCodeUsed', () => storage.markBackupCodeUsed(spent), 'spent');
  await refused('markBackupCodeUsed', () => storage.markBackupCodeUsed(spent));
}

/** @param {string} userId */
async function oauthLink(userId) {
  chapter('The user also signs in with GitHub');
  const link = { provider: 'github', sub: '583231', email: 'ada@example.com', linkedAt: new Date() };
  await call('linkOAuthAccount', () => storage.linkOAuthAccount(userId, 'github', link), 'linked');
  await call(
    'getUserByOAuth',
    () => storage.getUserByOAuth('github', '583231'),
    (found) => `${found?.name}`,
  );
}

/** @param {string} userId */
async function singleSignOn(userId) {
  chapter("An SSO provider (OpenID Connect) and the user's account there");
  const provider = await call(
    'createSSOProvider',
    () =>
      storage.createSSOProvider({
        type: 'oidc',
        name: 'Company login',
        metadata_url: 'https://idp.example.com/.well-known/openid-configuration',
        client_id: 'demo',
        client_secret: 'not a secret',
        redirect_uris: ['https://app.example.com/callback'],
      }),
    ({ name }) => name,
  );
  const account = { userId, providerId: provider.id, providerType: /** @type {const} */ ('oidc') };
  await call('createSSOLink', () => storage.createSSOLink({ ...account, providerSubject: 'ada' }), 'linked');
  await call(
    'getUserSSOLinks',
    () => storage.getUserSSOLinks(userId),
    (links) => `${links.length} account`,
  );
}

/** @param {string} userId */
async function auditTrail(userId) {
  chapter('Audit events: many at once share statements, each is committed when its promise resolves');
  const events = Array.from({ length: 200 }, (_, index) => ({
    type: 'document.read',
    principalId: userId,
    data: { index },
    timestamp: new Date(),
  }));
  await call('emitEvent x 200', () => Promise.all(events.map((event) => storage.emitEvent(event))), '200 written');
  await call(
    'listEvents',
    () => storage.listEvents({ principalId: userId, limit: 50 }),
    ({ items, next }) => `a page of ${items.length}, newest first${next ? ', and there are more' : ''}`,
  );
}

async function whatGoesWrong() {
  chapter('What errors look like');
  await refused('createUser', () => storage.createUser({ email: 'ADA@example.com' }));
  const dead = new PostgresStorageAdapter(`postgres://demo@127.0.0.1:${await freePort()}/demo`);
  await refused('connect', () => dead.connect());
  await dead.disconnect();
}

async function goodbye() {
  chapter('Disconnect');
  await call('disconnect', () => storage.disconnect(), 'nothing left open');
}

/** @param {string | undefined} id */
function short(id) {
  return `${id?.slice(0, 8)}...`;
}

/** @param {string} text */
function sha256(text) {
  return createHash('sha256').update(text).digest('hex');
}

function inAnHour() {
  return new Date(Date.now() + HOUR);
}
