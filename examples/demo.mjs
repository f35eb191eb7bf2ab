/**
 * A walk through the product: `npm run demo`.
 *
 * Starts a PostgreSQL server of its own, or, with DATABASE_URL, works in that database in a schema of
 * its own, which it drops at the end.
 */
import { createHash, randomBytes } from 'node:crypto';
import { InternalError, PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { Secret, TOTP } from 'otpauth';
import pg from 'pg';
import colors from 'picocolors';
import { freePort, startPostgres } from '../scripts/test/postgres-server.cjs';

const HOUR = 3_600_000;

/** @type {{ call: string, ms: number, result: string }[]} */
const calls = [];

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
  await goodbye();
} finally {
  await storage.disconnect();
  await server.cleanUp();
}
summary();

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

async function findServer() {
  const url = process.env.DATABASE_URL;
  if (!url) {
    say(`Starting an embedded PostgreSQL; set ${colors.bold('DATABASE_URL')} to use a server of yours.`);
    const embedded = await startPostgres();
    return { url: embedded.url, options: {}, cleanUp: embedded.stop };
  }
  const schema = `auth_postgres_demo_${randomBytes(4).toString('hex')}`;
  say(`Using DATABASE_URL, in a schema of our own: ${schema}.`);
  return {
    url,
    options: { schema },
    cleanUp: () => dropSchema(url, schema),
  };
}

/**
 * @param {string} url
 * @param {string} schema
 */
async function dropSchema(url, schema) {
  const client = new pg.Client({ connectionString: url });
  try {
    await client.connect();
    await client.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
  } catch (error) {
    // What has ended the demo early matters more.
    say(`The schema ${schema} could not be dropped: ${error instanceof Error ? error.message : error}`);
  } finally {
    await client.end();
  }
}

/**
 * Makes a call, says what came of it, and keeps its time for the table.
 *
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} work
 * @param {string | ((result: T) => string)} describe
 * @returns {Promise<T>}
 */
async function call(name, work, describe) {
  const started = performance.now();
  const result = await work();
  note(name, performance.now() - started, typeof describe === 'string' ? describe : describe(result));
  return result;
}

/**
 * Makes a call that has to fail, and shows the error.
 *
 * @param {string} name
 * @param {() => Promise<unknown>} work
 */
async function refused(name, work) {
  const started = performance.now();
  try {
    await work();
  } catch (error) {
    if (!(error instanceof InternalError)) throw error;
    note(name, performance.now() - started, `refused: ${error.code}`);
    say(`  ${colors.dim(error.message)}`);
    return;
  }
  throw new Error(`${name} should have been refused`);
}

/**
 * @param {string} name
 * @param {number} ms
 * @param {string} result
 */
function note(name, ms, result) {
  calls.push({ call: name, ms, result });
  say(`  ${colors.green(name.padEnd(26))}${result}`);
}

function summary() {
  const width = Math.max(...calls.map(({ call }) => call.length));
  /** @type {(call: string, ms: string, result: string) => string} */
  const row = (call, ms, result) => `${call.padEnd(width)}  ${ms.padStart(8)}  ${result}`;
  say(`\n${colors.bold(row('Call', 'ms', 'Result'))}`);
  for (const { call, ms, result } of calls) say(row(call, ms.toFixed(1), result));
  say(colors.dim(`${calls.length} calls, each the first of its kind, with the debug build that setup makes.`));
}

/** @param {string} title */
function chapter(title) {
  say(`\n${colors.bold(title)}`);
}

/** @param {string} text */
function say(text) {
  console.log(text);
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
