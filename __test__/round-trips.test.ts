/** Every method of one statement takes one round trip once the statement is prepared on the connection. */
import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { useDatabase } from './helpers/database';
import { FAMILIES, makeWorld, type World } from './helpers/families';
import {
  emailTokenInput,
  inMs,
  oauthLink,
  roleInput,
  sessionInput,
  twoFactorSessionInput,
  unique,
  userInput,
} from './helpers/fixtures';
import { Relay } from './helpers/relay';

const db = useDatabase();
let relay: Relay;
let storage: PostgresStorageAdapter;
let world: World;

beforeAll(async () => {
  relay = await Relay.start(db.url);
  // One connection, so that the second call finds its statement prepared.
  storage = db.adapter({ max: 1 }, relay.url);
  world = await makeWorld(storage);
});

afterAll(async () => {
  await storage.disconnect();
  await relay.close();
});

/** Prepares the statement with a first call, and counts what a second one takes. */
async function roundTripsOf(call: () => Promise<unknown>): Promise<number> {
  await call();
  relay.reset();
  await call();
  return relay.roundTrips;
}

describe.each(FAMILIES)('$name', (family) => {
  it('create, get, update and delete take one round trip each', async () => {
    const create = () => family.create(storage, family.input(world));
    expect(await roundTripsOf(create)).toBe(1);
    const { id } = await create();
    expect(await roundTripsOf(() => family.get(storage, id))).toBe(1);
    const { update, remove } = family;
    if (update) expect(await roundTripsOf(() => update(storage, id, { metadata: { a: '1' } }))).toBe(1);
    if (remove) expect(await roundTripsOf(() => remove(storage, id))).toBe(1);
  });
});

it.each([
  // A statement that may wait for a lock would leave no connection to the others: a transaction sets a limit for it.
  [1, 3],
  [2, 1],
])('createUser with a passwordHash, with max: %i, takes round trips in the number of %i', async (max, expected) => {
  const other = db.adapter({ max }, relay.url);
  expect(await roundTripsOf(() => other.createUser({ passwordHash: 'x' }))).toBe(expected);
  await other.disconnect();
});

type Call = (storage: PostgresStorageAdapter, world: World) => Promise<unknown>;

it.each<[string, Call]>([
  ['getUserByEmail', (s) => s.getUserByEmail('nobody@example.com')],
  ['listUsers', (s) => s.listUsers({ emailPrefix: 'a', plan: 'free' })],
  ['listUserSessions', (s, { userId }) => s.listUserSessions(userId)],
  ['listOrganizations', (s) => s.listOrganizations()],
  ['listUserOrganizations', (s, { userId }) => s.listUserOrganizations(userId)],
  ['listEvents', (s) => s.listEvents({ principalId: 'p' })],
  ['countEvents', (s) => s.countEvents({ types: ['t'], principalId: 'p' })],
  ['countRecords', (s) => s.countRecords()],
  ['setPasswordHash', (s, { userId }) => s.setPasswordHash(userId, 'x')],
  ['setPasswordHash to null', (s, { userId }) => s.setPasswordHash(userId, null)],
  ['getPasswordHash', (s, { userId }) => s.getPasswordHash(userId)],
  ['getUserByOAuth', (s) => s.getUserByOAuth('google', 'nobody')],
  ['deleteUserSessions', (s, { userId }) => s.deleteUserSessions(userId)],
  ['deleteExpiredSessions', (s) => s.deleteExpiredSessions()],
  ['getApiKeyContext', (s) => s.getApiKeyContext('x_y')],
  ['getApiKeyByHash', (s) => s.getApiKeyByHash('x')],
  ['getApiKeysByPrefixAndLastFour', (s) => s.getApiKeysByPrefixAndLastFour('kit', 'abcd')],
  ['listApiKeys', (s, { userId }) => s.listApiKeys(userId)],
  ['createApiKeyWithSecret', (s, { userId }) => s.createApiKeyWithSecret(userId, ['a'])],
  ['verifyApiKeySecret', (s) => s.verifyApiKeySecret('x_y')],
  ['getEmailVerificationTokens', (s) => s.getEmailVerificationTokens('nobody@example.com')],
  ['getEmailVerificationTokenAttempts', (s) => s.getEmailVerificationTokenAttempts('x')],
  ['deleteExpiredEmailVerificationTokens', (s) => s.deleteExpiredEmailVerificationTokens()],
  ['emitEvent', (s) => s.emitEvent({ type: 't', principalId: 'p', data: {}, timestamp: new Date() })],
  ['listRoles', (s, { orgId }) => s.listRoles(orgId)],
  ['getUserRoles', (s, { userId, orgId }) => s.getUserRoles(userId, orgId)],
  ['revokeRoleFromUser', (s, { userId, orgId }) => s.revokeRoleFromUser(userId, 'x', orgId)],
  ['listSSOProviders', (s, { orgId }) => s.listSSOProviders(orgId)],
  ['getSSOLinkBySubject', (s) => s.getSSOLinkBySubject('nobody', 'nobody')],
  ['getUserSSOLinks', (s, { userId }) => s.getUserSSOLinks(userId)],
  ['storeTenantSAMLConfig', (s) => s.storeTenantSAMLConfig({ tenantId: 't', a: 1 })],
  ['updateTenantSAMLConfig', (s) => s.updateTenantSAMLConfig('t', { b: 2 })],
  ['getTenantSAMLConfig', (s) => s.getTenantSAMLConfig('t')],
  ['deleteTenantSAMLConfig', (s) => s.deleteTenantSAMLConfig('x')],
  ['listTwoFactorDevices', (s, { userId }) => s.listTwoFactorDevices(userId)],
  ['getBackupCodes', (s, { userId }) => s.getBackupCodes(userId)],
])('%s takes one round trip', async (_, call) => {
  expect(await roundTripsOf(() => call(storage, world))).toBe(1);
});

it('assignRoleToUser, the methods that mark or complete, and incrementTwoFactorSessionAttempts take one round trip when they succeed', async () => {
  const { userId, orgId, deviceId } = world;
  const roles = await Promise.all([1, 2].map(() => storage.createRole(roleInput(orgId))));
  const tokens = await Promise.all([1, 2].map(() => storage.createEmailVerificationToken(emailTokenInput())));
  const codes = await storage.createBackupCodes(userId, ['a', 'b']);
  const pending = await Promise.all(
    [1, 2].map(() => storage.createTwoFactorSession(twoFactorSessionInput(userId, deviceId))),
  );
  const turns = (call: (at: number) => Promise<unknown>) => {
    let at = 0;
    return () => call(at++);
  };
  const id = (of: { id: string }[], at: number) => of[at]?.id as string;
  expect(await roundTripsOf(turns((at) => storage.assignRoleToUser(userId, id(roles, at), orgId)))).toBe(1);
  expect(await roundTripsOf(turns((at) => storage.markEmailVerificationTokenAsUsed(id(tokens, at))))).toBe(1);
  expect(await roundTripsOf(turns((at) => storage.markBackupCodeUsed(id(codes, at))))).toBe(1);
  expect(await roundTripsOf(() => storage.incrementTwoFactorSessionAttempts(id(pending, 0)))).toBe(1);
  expect(await roundTripsOf(turns((at) => storage.completeTwoFactorSession(id(pending, at))))).toBe(1);
});

it('getSessionContext takes one round trip, whether it extends the session or not', async () => {
  const { id } = await storage.createSession(sessionInput(world.userId, { orgId: world.orgId }));
  expect(await roundTripsOf(() => storage.getSessionContext(id))).toBe(1);
  let hours = 2;
  expect(await roundTripsOf(() => storage.getSessionContext(id, { extendTo: inMs(hours++ * 3_600_000) }))).toBe(1);
  expect(await roundTripsOf(() => storage.getSessionContext(id, { extendTo: inMs(0) }))).toBe(1);
});

it('linkOAuthAccount takes one round trip when the account is new', async () => {
  const users = await Promise.all([1, 2].map(() => storage.createUser(userInput())));
  let at = 0;
  const provider = unique('p');
  expect(
    await roundTripsOf(() => storage.linkOAuthAccount(users[at++]?.id as string, provider, oauthLink(provider))),
  ).toBe(1);
});

it('createUser takes one round trip with 1 000 JSON objects, too', async () => {
  const input = () => userInput({ metadata: { list: Array.from({ length: 1_000 }, (_, index) => ({ index })) } });
  expect(await roundTripsOf(() => storage.createUser(input()))).toBe(1);
});
