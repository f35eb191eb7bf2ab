/** Which calls are repeated when their answer was lost, which are not, and that nothing is done twice. */
import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { Collector } from './helpers/collector';
import { useDatabase } from './helpers/database';
import { expectCode, rejection } from './helpers/errors';
import { argumentsOf, call, isReading, makeScene } from './helpers/every-method';
import { backendsOf, until, whileFailing, whileLocked } from './helpers/failing';
import { FAMILIES, makeWorld, type World } from './helpers/families';
import {
  apiKeyInput,
  backupCodesInput,
  emailTokenInput,
  eventInput,
  oauthLink,
  roleInput,
  sessionInput,
  sha256,
  tenantSamlInput,
  totpDeviceInput,
  twoFactorSessionInput,
  unique,
  userInput,
} from './helpers/fixtures';
import { Relay } from './helpers/relay';
import { sqlOf } from './helpers/wire';

const db = useDatabase();
/**
 * Which answers are lost depends on the round alone, and is the same again after eight.
 * `LOST_ANSWERS=300 npm test -- __test__/retries` loses thousands of them, in some minutes.
 */
const ROUNDS = Number(process.env.LOST_ANSWERS ?? 8);
let relay: Relay;
let storage: PostgresStorageAdapter;
let world: World;

beforeAll(async () => {
  relay = await Relay.start(db.url);
  storage = db.adapter({}, relay.url);
  world = await makeWorld(db.storage);
});
afterAll(async () => {
  await storage.disconnect();
  await relay.close();
});

/**
 * Breaks the line between commit and answer: the server sends what it has to say of a statement, from its
 * BindComplete on, when it is done with it.
 */
async function withLostAnswers<T>(count: number, call: () => Promise<T>): Promise<{ result: T; lost: number }> {
  let lost = 0;
  relay.onMessage(({ from, type }) => {
    if (from === 'client' || type !== '2' || lost >= count) return 'pass';
    lost += 1;
    return 'cut';
  });
  try {
    return { result: await call(), lost };
  } finally {
    relay.onMessage();
  }
}

const countOf = async (table: string) => (await db.query(`SELECT count(*)::int FROM ${table}`))[0].count;

describe.each(FAMILIES)('create whose answer is lost: $name', (family) => {
  it('is done once, and returns its own row', async () => {
    const before = await countOf(family.table);
    for (let round = 0; round < ROUNDS; round += 1) {
      const input = family.input(world);
      const { result, lost } = await withLostAnswers(1 + (round % 2), () => family.create(storage, input));
      expect(lost).toBe(1 + (round % 2));
      expect(await family.get(db.storage, result.id)).toEqual(result);
    }
    expect(await countOf(family.table)).toBe(before + ROUNDS);
  });

  it('is done once with an id that the caller gave', async () => {
    const before = await countOf(family.table);
    for (let round = 0; round < ROUNDS; round += 1) {
      const input = { ...family.input(world), id: unique() };
      const { result } = await withLostAnswers(1, () => family.create(storage, input));
      expect(result.id).toBe(input.id);
      expect(await family.get(db.storage, input.id)).toEqual(result);
    }
    expect(await countOf(family.table)).toBe(before + ROUNDS);
  });

  it('is rejected with conflict when the id belongs to another row', async () => {
    const id = unique();
    const other = await family.create(db.storage, { ...family.input(world), id });
    const { result } = await withLostAnswers(1, () =>
      rejection(family.create(storage, { ...family.input(world), id })),
    );
    expect(result).toMatchObject({ code: 'auth_postgres/conflict', retryable: false });
    expect(await family.get(db.storage, id)).toEqual(other);
  });

  it('is rejected with an unknown outcome when no answer ever arrives', async () => {
    const before = await countOf(family.table);
    const { result } = await withLostAnswers(99, () => rejection(family.create(storage, family.input(world))));
    expect(result).toMatchObject({
      code: 'auth_postgres/connection_failed',
      retryable: false,
      context: { outcome: 'unknown', attempts: 3 },
    });
    expect(await countOf(family.table)).toBe(before + 1);
  });
});

describe('when the answer is lost', () => {
  it('createSession creates each of 200 sessions that share a statement once', async () => {
    for (const id of [() => undefined, () => unique()]) {
      const inputs = Array.from({ length: 200 }, () => sessionInput(world.userId, { id: id() }));
      const before = await countOf('sessions');
      const { result, lost } = await withLostAnswers(2, () =>
        Promise.all(inputs.map((input) => storage.createSession(input))),
      );
      expect(lost).toBe(2);
      expect(await countOf('sessions')).toBe(before + 200);
      expect(await Promise.all(result.map((session) => db.storage.getSession(session.id)))).toEqual(result);
    }
  });

  it('createSession rejects only the session whose user is deleted before the shared statement is repeated', async () => {
    const one = db.adapter({ max: 1, maxRetries: 20 }, relay.url);
    const doomed = await db.storage.createUser({});
    const users = Array.from({ length: 40 }, () => world.userId);
    await one.healthCheck();
    const before = await countOf('sessions');
    let deletion: Promise<void> | undefined;
    let isDeleted = false;
    let hasSessions = false;
    relay.onMessage((message) => {
      hasSessions ||= message.from === 'client' && /INSERT INTO sessions/.test(sqlOf(message) ?? '');
      if (!hasSessions || message.from === 'client' || message.type !== '2' || isDeleted) return 'pass';
      deletion ??= db.storage.deleteUser(doomed.id).then(() => {
        isDeleted = true;
      });
      return 'cut';
    });
    // While this call occupies the only connection, the others gather into one statement.
    const listing = one.listApiKeys(world.userId);
    const creations = [...users, doomed.id].map((userId) => one.createSession(sessionInput(userId)));
    const ofDoomed = rejection(creations.pop() as Promise<unknown>);
    const created = await Promise.all(creations);
    expect(await ofDoomed).toMatchObject({ code: 'auth_postgres/invalid_reference' });
    await Promise.all([listing, deletion]);
    relay.onMessage();
    expect(await countOf('sessions')).toBe(before + users.length);
    expect(await Promise.all(created.map(({ id }) => db.storage.getSession(id)))).toEqual(created);
    await one.disconnect();
  });

  it('createApiKeyWithSecret creates one key and returns its secret', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const before = await countOf('api_keys');
      const { result } = await withLostAnswers(1, () => storage.createApiKeyWithSecret(world.userId, ['read']));
      expect(await countOf('api_keys')).toBe(before + 1);
      expect(await db.storage.verifyApiKeySecret(result.key)).toEqual(result.record);
    }
  });

  it('rotateApiKey creates one new key, and lets the old one expire', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const old = await db.storage.createApiKey(apiKeyInput(world.userId));
      const before = await countOf('api_keys');
      // The first of the two answers is that of the query for the prefix.
      const { result, lost } = await withLostAnswers(2, () => storage.rotateApiKey(old.id));
      expect(lost).toBe(2);
      expect(await countOf('api_keys')).toBe(before + 1);
      expect(await db.storage.verifyApiKeySecret(result.key)).toEqual(result.record);
      expect(result.record.expiresAt).toEqual(old.expiresAt);
      expect((await db.storage.getApiKey(old.id))?.expiresAt?.getTime()).toBeLessThan(Number(old.expiresAt));
    }
  });

  it('rotateApiKey returns the key of an earlier attempt that ended while the repeated one waited for the lock', async () => {
    const old = await db.storage.createApiKey(apiKeyInput(world.userId));
    const before = await countOf('api_keys');
    const name = unique('rotate');
    const patient = db.adapter({ application_name: name }, relay.url);
    const waiting = (count: number) => async () => (await backendsOf(db, name, { waiting: true })).length === count;
    await whileLocked(db, 'SELECT FROM api_keys WHERE id = $1 FOR UPDATE', [old.id], async (release) => {
      const rotation = patient.rotateApiKey(old.id);
      await until(waiting(1));
      // The server does not notice: the statement stays where it is, and a second one gets in line behind it.
      relay.cut();
      await until(waiting(2));
      await release();
      const { record, key } = await rotation;
      expect(await db.storage.verifyApiKeySecret(key)).toStrictEqual(record);
    });
    expect(await countOf('api_keys')).toBe(before + 1);
    expect((await db.storage.getApiKey(old.id))?.expiresAt?.getTime()).toBeLessThan(Number(old.expiresAt));
  });

  it('createBackupCodes leaves one complete set, whichever of its answers is lost', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      let answers = 0;
      relay.onMessage(({ from, type }) => {
        if (from !== 'server' || !'2C'.includes(type)) return 'pass';
        answers += 1;
        return answers === 1 + (round % 8) ? 'cut' : 'pass';
      });
      const codes = await storage.createBackupCodes(world.userId, backupCodesInput(world.userId, 5));
      relay.onMessage();
      expect(await db.storage.getBackupCodes(world.userId)).toEqual(codes);
    }
  });

  it('createBackupCodes does not make a code usable again that was used before the create is repeated', async () => {
    const codes = backupCodesInput(world.userId, 3).map((code) => ({ ...code, id: unique() }));
    let isCommitted = false;
    let use: Promise<void> | undefined;
    relay.onMessage(({ from, type, bytes }) => {
      if (from === 'server' && type === 'C' && bytes.toString('latin1').includes('COMMIT') && !isCommitted) {
        isCommitted = true;
        use = db
          .query('UPDATE twofa_backup_codes SET used = true, used_at = now() WHERE id = $1', [codes[0]?.id])
          .then(() => undefined);
        return 'cut';
      }
      return 'pass';
    });
    await storage.createBackupCodes(world.userId, codes);
    relay.onMessage();
    await use;
    const stored = await db.storage.getBackupCodes(world.userId);
    expect(stored.map(({ used }) => used)).toEqual([true, false, false]);
  });
});

type Act = (storage: PostgresStorageAdapter, world: World, id: string) => Promise<unknown>;
interface Case {
  name: string;
  /** Makes what the act is about; returns its id. */
  make(storage: PostgresStorageAdapter, world: World): Promise<string>;
  act: Act;
}

const none = async () => '';
const ONCE: Case[] = [
  { name: 'emitEvent', make: none, act: (s) => s.emitEvent(eventInput({ type: 'once' })) },
  {
    name: 'incrementEmailVerificationTokenAttempts',
    make: async (s) => (await s.createEmailVerificationToken(emailTokenInput())).id,
    act: (s, _, id) => s.incrementEmailVerificationTokenAttempts(id),
  },
  {
    name: 'markEmailVerificationTokenAsUsed',
    make: async (s) => (await s.createEmailVerificationToken(emailTokenInput())).id,
    act: (s, _, id) => s.markEmailVerificationTokenAsUsed(id),
  },
  {
    name: 'incrementTwoFactorSessionAttempts',
    make: async (s, w) => (await s.createTwoFactorSession(twoFactorSessionInput(w.userId, w.deviceId))).id,
    act: (s, _, id) => s.incrementTwoFactorSessionAttempts(id),
  },
  {
    name: 'completeTwoFactorSession',
    make: async (s, w) => (await s.createTwoFactorSession(twoFactorSessionInput(w.userId, w.deviceId))).id,
    act: (s, _, id) => s.completeTwoFactorSession(id),
  },
  {
    name: 'useTwoFactorStep',
    make: async (s, w) => (await s.createTwoFactorDevice(totpDeviceInput(w.userId))).id,
    act: (s, _, id) => s.useTwoFactorStep(id, 1),
  },
  {
    name: 'markBackupCodeUsed',
    make: async (s, w) => (await s.createBackupCodes(w.userId, [sha256(unique())]))[0]?.id ?? '',
    act: (s, _, id) => s.markBackupCodeUsed(id),
  },
  {
    name: 'updateUser',
    make: async (s) => (await s.createUser(userInput())).id,
    act: (s, _, id) => s.updateUser(id, { name: 'x' }),
  },
  {
    name: 'updateSession',
    make: async (s, w) => (await s.createSession(sessionInput(w.userId))).id,
    act: (s, _, id) => s.updateSession(id, { plan: 'x' }),
  },
  {
    name: 'deleteUserSessions',
    make: async (s) => {
      const { id } = await s.createUser(userInput());
      await s.createSession(sessionInput(id));
      return id;
    },
    act: (s, _, id) => s.deleteUserSessions(id),
  },
  { name: 'deleteExpiredSessions', make: none, act: (s) => s.deleteExpiredSessions() },
  { name: 'deleteExpiredEmailVerificationTokens', make: none, act: (s) => s.deleteExpiredEmailVerificationTokens() },
  {
    name: 'linkOAuthAccount',
    make: async (s) => (await s.createUser(userInput())).id,
    act: (s, _, id) => s.linkOAuthAccount(id, 'google', oauthLink('google')),
  },
  {
    name: 'unlinkOAuthAccount',
    make: async (s) => (await s.createUser(userInput())).id,
    act: (s, _, id) => s.unlinkOAuthAccount(id, 'google'),
  },
  {
    name: 'updateRole',
    make: async (s, w) => (await s.createRole(roleInput(w.orgId))).id,
    act: (s, _, id) => s.updateRole(id, { name: 'x' }),
  },
  {
    name: 'updateTenantSAMLConfig',
    make: async (s) => {
      const config = tenantSamlInput();
      await s.storeTenantSAMLConfig(config);
      return config.tenantId;
    },
    act: (s, _, id) => s.updateTenantSAMLConfig(id, { certificate: 'x' }),
  },
];

it.each(ONCE)('$name is not repeated, and its outcome is unknown', async ({ name, make, act }) => {
  const id = await make(db.storage, world);
  const { result, lost } = await withLostAnswers(99, () => rejection(act(storage, world, id)));
  expect(lost).toBe(1);
  expect(result).toMatchObject({
    code: 'auth_postgres/connection_failed',
    retryable: false,
    context: { operation: name, outcome: 'unknown', attempts: 1 },
  });
});

it('emitEvent and incrementEmailVerificationTokenAttempts took effect once in the test before', async () => {
  const [{ count }] = await db.query(`SELECT count(*)::int FROM auth_events WHERE type = 'once'`);
  expect(count).toBe(1);
  const attempts = await db.query('SELECT attempts FROM email_verification_token_attempts');
  expect(attempts).toEqual([{ attempts: 1 }]);
});

it.each<[string, Act]>([
  ['getUser', (s, w) => s.getUser(w.userId)],
  ['getUserByEmail', (s) => s.getUserByEmail('x')],
  ['getUserByOAuth', (s) => s.getUserByOAuth('google', 'x')],
  ['listApiKeys', (s, w) => s.listApiKeys(w.userId)],
  ['getEmailVerificationTokenAttempts', (s) => s.getEmailVerificationTokenAttempts('x')],
  ['deleteUser', (s) => s.deleteUser('x')],
  ['deleteSession', (s) => s.deleteSession('x')],
  ['deleteTenantSAMLConfig', (s) => s.deleteTenantSAMLConfig('x')],
  ['revokeRoleFromUser', (s) => s.revokeRoleFromUser('x', 'y', 'z')],
  ['storeTenantSAMLConfig', (s) => s.storeTenantSAMLConfig(tenantSamlInput({ tenantId: 'again' }))],
  ['updateUser({})', (s, w) => s.updateUser(w.userId, {})],
])('%s is repeated when its answer is lost', async (_, act) => {
  const expected = await act(db.storage, world, '');
  const { result, lost } = await withLostAnswers(2, () => act(storage, world, ''));
  expect(lost).toBe(2);
  expect(result).toEqual(expected);
});

it('a read and a delete whose answers never arrive are retryable', async () => {
  const read = await withLostAnswers(99, () => rejection(storage.getUser('x')));
  expect(read.result).toMatchObject({ code: 'auth_postgres/connection_failed', retryable: true });
  expect(read.result.context).not.toHaveProperty('outcome');
  const deleted = await withLostAnswers(99, () => rejection(storage.deleteUser('x')));
  expect(deleted.result).toMatchObject({ retryable: true, context: { outcome: 'unknown', attempts: 3 } });
});

it('with maxRetries 0, one lost answer rejects the call', async () => {
  const once = db.adapter({ maxRetries: 0 }, relay.url);
  const { result } = await withLostAnswers(1, () => rejection(once.createUser(userInput())));
  expect(result).toMatchObject({
    code: 'auth_postgres/connection_failed',
    context: { outcome: 'unknown', attempts: 1 },
  });
  await once.disconnect();
});

it('updateUser is repeated after a deadlock or serialization failure, and its outcome is known', async () => {
  for (const sqlState of ['40001', '40P01']) {
    const { id } = await db.storage.createUser(userInput());
    await whileFailing(db, sqlState, { times: 2 }, async () => {
      await expect(storage.updateUser(id, { name: sqlState })).resolves.toMatchObject({ name: sqlState });
    });
    await whileFailing(db, sqlState, {}, async () => {
      const error = await expectCode(storage.updateUser(id, { name: 'x' }), 'serialization_failure', { attempts: 3 });
      expect(error.retryable).toBe(true);
      expect(error.context).not.toHaveProperty('outcome');
    });
  }
});

describe.each(['40001', '40P01'])('every method that writes', (sqlState) => {
  /** Makes so many writing statements fail from now on, of every table. */
  const failNext = (count: number) => db.query(`SELECT setval('attempts', 1), setval('failing_until', ${count + 1})`);

  beforeAll(async () => {
    // Sequences count on when the transaction is rolled back. A trigger for each statement fires without rows, too.
    await db.query('CREATE SEQUENCE attempts; CREATE SEQUENCE failing_until');
    await failNext(0);
    await db.query(`CREATE FUNCTION fail_first() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF nextval('public.attempts') <= (SELECT last_value FROM public.failing_until) THEN
          RAISE EXCEPTION 'boom' USING ERRCODE = '${sqlState}';
        END IF;
        RETURN NULL;
      END $$`);
    const tables = await db.query<{ name: string }>(
      `SELECT oid::regclass AS name FROM pg_class
        WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace`,
    );
    for (const { name } of tables) {
      await db.query(
        `CREATE TRIGGER fail_first BEFORE INSERT OR UPDATE OR DELETE ON ${name} EXECUTE FUNCTION fail_first()`,
      );
    }
  });
  afterAll(() => db.query('DROP FUNCTION fail_first CASCADE; DROP SEQUENCE attempts, failing_until'));

  it(`is repeated after ${sqlState}, and its outcome is known`, async () => {
    const logger = new Collector();
    const logged = db.adapter({ logger, logLevel: 'warn' });
    const scene = await makeScene(db.storage);
    const writing: string[] = [];
    for (const [method, args] of Object.entries(argumentsOf(scene))) {
      if (isReading(method)) continue;
      await failNext(1_000);
      const error = await rejection(call(logged, method, args));
      expect({ method, code: error.code, retryable: error.retryable, ...error.context }).toMatchObject({
        ...{ method, operation: method, code: 'auth_postgres/serialization_failure', retryable: true, attempts: 3 },
      });
      expect(error.context).not.toHaveProperty('outcome');
      logger.take();
      await failNext(1);
      await call(logged, method, args);
      const retries = logger.take('retry').map(({ fields }) => [fields.operation, fields.attempt, fields.sqlState]);
      expect(retries).toEqual([[method, 1, sqlState]]);
      writing.push(method);
    }
    expect(writing.length).toBeGreaterThan(40);
    await logged.disconnect();
  });
});

it('calls succeed on connections whose prepared plans a schema change has made stale', async () => {
  const warm = db.adapter({ max: 4 });
  const { id } = await warm.createUser(userInput());
  const four = () => Promise.all(Array.from({ length: 4 }, () => warm.getUserByOAuth('google', 'x')));
  for (let round = 0; round < 5; round += 1) await four();
  await warm.updateUser(id, { name: 'before' });
  await db.query('ALTER TABLE users ALTER COLUMN picture TYPE VARCHAR(5000)');
  await expect(four()).resolves.toEqual([null, null, null, null]);
  await expect(warm.updateUser(id, { name: 'after' })).resolves.toMatchObject({ name: 'after' });
  await db.query('ALTER TABLE users ALTER COLUMN picture TYPE TEXT');
  await expect(four()).resolves.toEqual([null, null, null, null]);
  await warm.disconnect();
});

it('writes succeed after a server stops being read-only, because its connections are replaced', async () => {
  await db.query(`ALTER DATABASE ${db.name} SET default_transaction_read_only = on`);
  const early = db.adapter({ max: 3 });
  await Promise.all(Array.from({ length: 3 }, () => early.getUserByOAuth('google', 'x')));
  await db.query(`ALTER DATABASE ${db.name} RESET default_transaction_read_only`);
  for (let round = 0; round < 3; round += 1) await early.createUser(userInput());
  await early.disconnect();
});

it('a write on a read-only server is rejected with read_only after one retry', async () => {
  await db.query(`ALTER DATABASE ${db.name} SET default_transaction_read_only = on`);
  const standby = db.adapter();
  const error = await expectCode(standby.createUser(userInput()), 'read_only', { sqlState: '25006', attempts: 2 });
  expect(error.retryable).toBe(true);
  await db.query(`ALTER DATABASE ${db.name} RESET default_transaction_read_only`);
  await standby.disconnect();
});

it('calls succeed after all idle connections were terminated', async () => {
  const rested = db.adapter({ max: 8, application_name: 'rested' });
  await Promise.all(Array.from({ length: 40 }, () => rested.createUser(userInput())));
  await db.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1', ['rested']);
  await expect(Promise.all(Array.from({ length: 8 }, () => rested.createUser(userInput())))).resolves.toHaveLength(8);
  await rested.disconnect();
});
