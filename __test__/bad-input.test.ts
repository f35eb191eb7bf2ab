/** Every method rejects bad input (it never throws), names the field, and writes nothing. */
import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { useDatabase } from './helpers/database';
import { expectInvalidInput } from './helpers/errors';
import { FAMILIES, makeWorld, type World } from './helpers/families';
import { eventInput, userInput } from './helpers/fixtures';

const db = useDatabase();

/** The arguments of every method: `text`, `text?` where it may be left out, `record`, `list`. */
const SIGNATURES: Record<
  string,
  [name: string, kind: 'text' | 'text?' | 'text|null' | 'record' | 'list' | 'number'][]
> = {
  connect: [],
  disconnect: [],
  rollback: [],
  healthCheck: [],
  diagnose: [],
  migrate: [],
  migrationStatus: [],
  migrationSql: [],
  previewRollback: [],
  baseline: [],
  grants: [['role', 'text']],
  sweep: [],
  exportUser: [['id', 'text']],
  eraseUser: [['id', 'text']],
  createUser: [['user', 'record']],
  getUser: [['id', 'text']],
  getUserByEmail: [['email', 'text']],
  getUserByOAuth: [
    ['provider', 'text'],
    ['sub', 'text'],
  ],
  listUsers: [],
  updateUser: [
    ['id', 'text'],
    ['patch', 'record'],
  ],
  deleteUser: [['id', 'text']],
  setPasswordHash: [
    ['userId', 'text'],
    ['hash', 'text|null'],
  ],
  getPasswordHash: [['userId', 'text']],
  linkOAuthAccount: [
    ['userId', 'text'],
    ['provider', 'text'],
    ['link', 'record'],
  ],
  unlinkOAuthAccount: [
    ['userId', 'text'],
    ['provider', 'text'],
  ],
  createSession: [['session', 'record']],
  getSession: [['id', 'text']],
  listUserSessions: [['userId', 'text']],
  updateSession: [
    ['id', 'text'],
    ['patch', 'record'],
  ],
  deleteSession: [['id', 'text']],
  getSessionContext: [['sessionId', 'text']],
  deleteUserSessions: [['userId', 'text']],
  deleteExpiredSessions: [],
  createApiKey: [['apiKey', 'record']],
  getApiKey: [['id', 'text']],
  getApiKeyByHash: [['hash', 'text']],
  getApiKeysByPrefixAndLastFour: [
    ['prefix', 'text'],
    ['lastFour', 'text'],
  ],
  updateApiKey: [
    ['id', 'text'],
    ['patch', 'record'],
  ],
  deleteApiKey: [['id', 'text']],
  listApiKeys: [['principalId', 'text']],
  createApiKeyWithSecret: [
    ['principalId', 'text'],
    ['scopes', 'list'],
    ['prefix', 'text?'],
  ],
  verifyApiKeySecret: [['key', 'text']],
  getApiKeyContext: [['key', 'text']],
  rotateApiKey: [['id', 'text']],
  createOrganization: [['organization', 'record']],
  getOrganization: [['id', 'text']],
  listOrganizations: [],
  listUserOrganizations: [['userId', 'text']],
  updateOrganization: [
    ['id', 'text'],
    ['patch', 'record'],
  ],
  addOrganizationMember: [
    ['orgId', 'text'],
    ['member', 'record'],
  ],
  setOrganizationMemberRole: [
    ['orgId', 'text'],
    ['userId', 'text'],
    ['role', 'text'],
  ],
  removeOrganizationMember: [
    ['orgId', 'text'],
    ['userId', 'text'],
  ],
  deleteOrganization: [['id', 'text']],
  createEmailVerificationToken: [['token', 'record']],
  getEmailVerificationTokens: [
    ['email', 'text'],
    ['type', 'text?'],
  ],
  getEmailVerificationTokenById: [['id', 'text']],
  markEmailVerificationTokenAsUsed: [['id', 'text']],
  deleteExpiredEmailVerificationTokens: [],
  getEmailVerificationTokenAttempts: [['id', 'text']],
  incrementEmailVerificationTokenAttempts: [['id', 'text']],
  emitEvent: [['event', 'record']],
  listEvents: [],
  countEvents: [],
  countRecords: [],
  createRole: [['role', 'record']],
  getRole: [['id', 'text']],
  updateRole: [
    ['id', 'text'],
    ['patch', 'record'],
  ],
  deleteRole: [['id', 'text']],
  listRoles: [['orgId', 'text']],
  assignRoleToUser: [
    ['userId', 'text'],
    ['roleId', 'text'],
    ['orgId', 'text'],
  ],
  revokeRoleFromUser: [
    ['userId', 'text'],
    ['roleId', 'text'],
    ['orgId', 'text'],
  ],
  getUserRoles: [
    ['userId', 'text'],
    ['orgId', 'text'],
  ],
  createSSOProvider: [['provider', 'record']],
  getSSOProvider: [['id', 'text']],
  updateSSOProvider: [
    ['id', 'text'],
    ['patch', 'record'],
  ],
  deleteSSOProvider: [['id', 'text']],
  listSSOProviders: [['orgId', 'text?']],
  createSSOLink: [['link', 'record']],
  getSSOLink: [['id', 'text']],
  getSSOLinkBySubject: [
    ['providerId', 'text'],
    ['providerSubject', 'text'],
  ],
  getUserSSOLinks: [['userId', 'text']],
  deleteSSOLink: [['id', 'text']],
  createSSOSession: [['session', 'record']],
  getSSOSession: [['id', 'text']],
  storeTenantSAMLConfig: [['config', 'record']],
  getTenantSAMLConfig: [['tenantId', 'text']],
  getTenantSAMLConfigRecord: [['tenantId', 'text']],
  updateTenantSAMLConfig: [
    ['tenantId', 'text'],
    ['patch', 'record'],
  ],
  deleteTenantSAMLConfig: [['tenantId', 'text']],
  createTwoFactorDevice: [['device', 'record']],
  getTwoFactorDevice: [['id', 'text']],
  updateTwoFactorDevice: [
    ['id', 'text'],
    ['patch', 'record'],
  ],
  listTwoFactorDevices: [['userId', 'text']],
  deleteTwoFactorDevice: [['id', 'text']],
  createBackupCodes: [
    ['userId', 'text'],
    ['codes', 'list'],
  ],
  getBackupCodes: [['userId', 'text']],
  useTwoFactorStep: [
    ['deviceId', 'text'],
    ['step', 'number'],
  ],
  markBackupCodeUsed: [['id', 'text']],
  createTwoFactorSession: [['session', 'record']],
  getTwoFactorSession: [['id', 'text']],
  completeTwoFactorSession: [['id', 'text']],
  incrementTwoFactorSessionAttempts: [['id', 'text']],
};

const GOOD = { text: 'x', 'text?': undefined, 'text|null': null, record: {}, list: [], number: 0 };
const BAD = {
  text: [undefined, null, 7, {}, [], true, 'a\0b', 'a\ud800b', Symbol('x')],
  'text|null': [undefined, 7, {}, [], true, '', 'a\0b', 'a\ud800b'],
  'text?': [7, {}, [], true, 'a\0b', 'a\ud800b'],
  record: [undefined, null, 7, 'x', true, [], () => 1, Symbol('x'), 1n],
  list: [undefined, null, 7, 'x', true, {}, () => 1],
  number: [undefined, null, -1, 0.5, Number.NaN, 2 ** 53, 'x', '7', true, {}, [], () => 1, 7n],
};

type Method = (...args: unknown[]) => Promise<unknown>;
const methodOf = (name: string) => (db.storage as unknown as Record<string, Method>)[name]?.bind(db.storage) as Method;

async function rowCounts() {
  const tables = await db.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1`,
  );
  const counts = tables.map(({ name }) => `SELECT '${name}' AS name, count(*)::int AS n FROM ${name}`);
  return db.query(counts.join(' UNION ALL '));
}

it('the table of signatures in this file names every method', () => {
  const methods = Object.getOwnPropertyNames(PostgresStorageAdapter.prototype).filter(
    // `stats()` takes nothing, and `transaction()` a function.
    (name) => !['constructor', 'stats', 'transaction'].includes(name),
  );
  expect(Object.keys(SIGNATURES).sort()).toEqual(methods.sort());
});

describe.each(Object.entries(SIGNATURES))('%s', (name, args) => {
  it('rejects every wrong argument and writes nothing', async () => {
    const before = await rowCounts();
    for (const [at, [argument, kind]] of args.entries()) {
      for (const bad of BAD[kind]) {
        const given = args.map(([, other]) => GOOD[other] as unknown);
        given[at] = bad;
        let promise: Promise<unknown> = Promise.resolve();
        expect(() => {
          promise = methodOf(name)(...given);
        }).not.toThrow();
        await expectInvalidInput(promise, argument);
      }
    }
    expect(await rowCounts()).toEqual(before);
  });

  // healthCheck never rejects: health.test.ts has what it says instead.
  if (name === 'healthCheck') return;

  it('rejects wrong call options', async () => {
    if (name === 'disconnect')
      return expectInvalidInput(methodOf(name)({ timeoutMs: -1 }), 'timeoutMs').then(() => undefined);
    const given = args.map(([, kind]) => GOOD[kind] as unknown);
    for (const bad of [7, []]) await expectInvalidInput(methodOf(name)(...given, bad), 'options');
    // Beyond the last one a timer of Node's would end at once.
    for (const timeoutMs of [Number.NaN, -1, Number.POSITIVE_INFINITY, 2 ** 31]) {
      await expectInvalidInput(methodOf(name)(...given, { timeoutMs }), 'timeoutMs');
    }
    await expectInvalidInput(methodOf(name)(...given, { signal: {} }), 'signal');
    // What it has to be told.
    const own = name === 'eraseUser' ? { events: 'keep' } : {};
    await expectInvalidInput(methodOf(name)(...given, { ...own, timeoutMS: 5 }), 'timeoutMS');
  });
});

describe('a record', () => {
  let world: World;
  beforeAll(async () => {
    world = await makeWorld(db.storage);
  });

  const withOwn = (input: object, key: string) =>
    Object.assign(JSON.parse(`{${JSON.stringify(key)}: {"x": 1}}`), input);
  const strict = FAMILIES.filter(({ name }) => !/provider|device/.test(name));

  describe.each(strict)('of the family $name with an unknown key', (family) => {
    it.each([`name = 'x', email`, '__proto__', 'constructor', 'nmae'])('is rejected: %s', async (key) => {
      const before = await rowCounts();
      await expectInvalidInput(family.create(db.storage, withOwn(family.input(world), key)), key);
      expect(await rowCounts()).toEqual(before);
      if (family.update) {
        const { id } = await family.create(db.storage, family.input(world));
        await expectInvalidInput(family.update(db.storage, id, JSON.parse(`{${JSON.stringify(key)}: 1}`)), key);
      }
    });
  });

  it.each([
    ['a function', () => 1],
    ['a symbol', Symbol('x')],
    ['a bigint', 1n],
    ['NaN', Number.NaN],
    ['a number', 7],
    ['an object', {}],
    ['a NUL', 'a\0b'],
    ['a lone surrogate', 'a\udfff'],
    ['1 025 bytes', `${'é'.repeat(512)}x`],
    ['nothing', ''],
  ])('with %s for an e-mail is rejected', async (_, email) => {
    await expectInvalidInput(db.storage.createUser({ email: email as string }), 'email');
  });

  it('may have an e-mail of 1 024 bytes', async () => {
    const email = 'é'.repeat(512);
    await expect(db.storage.createUser({ email })).resolves.toMatchObject({ email });
    await expect(db.storage.getUserByEmail(email)).resolves.toMatchObject({ email });
  });

  it.each([
    ['Infinity', Number.POSITIVE_INFINITY],
    ['a fraction', 1.5],
    ['more than fits', 2 ** 31],
    ['a negative number', -1],
    ['text', '5'],
  ])('with %s for the number of seats is rejected', async (_, seats) => {
    await expectInvalidInput(db.storage.createOrganization({ name: 'x', plan: 'y', seats: seats as number }), 'seats');
  });

  it('with a wrong value deep inside is rejected, and the error names its path', async () => {
    const organization = { name: 'x', plan: 'y', seats: 9 };
    const member = { userId: world.userId, role: 'owner' as const, joinedAt: new Date() };
    const create = (members: unknown[]) =>
      db.storage.createOrganization({ ...organization, members: members as never });
    await expectInvalidInput(create([member, { ...member, role: 'king' }]), 'members[1].role');
    await expectInvalidInput(create([{ ...member, joinedAt: new Date(Number.NaN) }]), 'members[0].joinedAt');
    await expectInvalidInput(create([{ ...member, userid: 1 }]), 'members[0].userid');
    await expectInvalidInput(db.storage.createUser({ entitlements: ['a', null as never] }), 'entitlements[1]');
    await expectInvalidInput(
      db.storage.createBackupCodes(world.userId, [{ code: 'x', usedAt: new Date(Number.NaN) }]),
      'codes[0].usedAt',
    );
  });

  it('with JSON that cannot be written or stored is rejected', async () => {
    const cyclic: Record<string, unknown> = {};
    cyclic.self = cyclic;
    await expectInvalidInput(db.storage.createUser({ metadata: cyclic }), 'metadata');
    await expectInvalidInput(db.storage.createUser({ metadata: { deep: [{ x: 'a\0b' }] } }), 'metadata');
    await expectInvalidInput(db.storage.createUser({ metadata: { 'k\ud800': 1 } }), 'metadata');
    await expectInvalidInput(db.storage.createUser({ metadata: [] as never }), 'metadata');
    await expectInvalidInput(db.storage.emitEvent(eventInput({ data: 'x' as never })), 'data');
  });

  it.each([
    ['a day without a time', '2030-01-01'],
    ['a time without a zone', '2030-01-01T00:00:00'],
    ['a number', 1_900_000_000_000],
    ['the year 10000', new Date(253_402_300_800_000)],
    ['the year 0', new Date('0000-12-31T23:59:59.999Z')],
  ])('with %s for a date is rejected', async (_, expiresAt) => {
    await expectInvalidInput(
      db.storage.createSession({ userId: world.userId, expiresAt: expiresAt as Date }),
      'expiresAt',
    );
  });

  it('of an SSO provider with one field in both spellings is rejected', async () => {
    await expectInvalidInput(
      db.storage.createSSOProvider({ type: 'oidc', name: 'x', metadata_url: 'a', metadataUrl: 'b' } as never),
      'metadataUrl',
    );
  });

  it('with a misspelt key is rejected, and the message names the key that was meant', async () => {
    const error = await expectInvalidInput(
      db.storage.createUser({ ...(userInput() as object), emial: 'x' } as never),
      'emial',
    );
    expect(error.message).toContain('`email`');
  });
});
