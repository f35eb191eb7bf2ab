/** The effect of each option, as the server or the pool shows it, and which options are rejected. */
import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { type AdapterOptions, useDatabase } from './helpers/database';
import { expectCode, rejection } from './helpers/errors';
import { backendsOf, until, whileFailing, whileLocked } from './helpers/failing';
import { unique } from './helpers/fixtures';

const db = useDatabase();

/** An adapter that can be told apart in the server's list of backends. */
function named(options: AdapterOptions = {}) {
  const name = unique('options').slice(0, 40);
  const storage = db.adapter({ application_name: name, ...options });
  return { name, storage, backends: () => backendsOf(db, name) };
}

/** Makes the pool open so many connections at once: as many calls, of two kinds, wait for a lock. */
async function occupy(
  storage: PostgresStorageAdapter,
  count: () => Promise<number>,
  connections: number,
  calls = connections,
) {
  const { id } = await db.storage.createUser({});
  await whileLocked(db, 'SELECT 1 FROM users WHERE id = $1 FOR UPDATE', [id], async (release) => {
    const updates = Array.from({ length: calls }, (_, at) =>
      at % 2 === 0 ? storage.updateUser(id, { name: `${at}` }) : storage.unlinkOAuthAccount(id, 'google'),
    );
    await until(async () => (await count()) >= connections);
    await release();
    await Promise.all(updates);
  });
}

describe('the pool', () => {
  it('opens at most `max` connections', async () => {
    const { name, storage } = named({ max: 3, statementTimeoutMs: 0 });
    const waiting = async () => (await backendsOf(db, name, { waiting: true })).length;
    await occupy(storage, waiting, 3, 12);
    expect(await backendsOf(db, name)).toHaveLength(3);
    await expect(storage.healthCheck()).resolves.toMatchObject({ pool: { total: 3, waiting: 0 } });
  });

  it('opens at most ten connections by default', async () => {
    const { name, storage } = named({ statementTimeoutMs: 0 });
    await occupy(storage, async () => (await backendsOf(db, name, { waiting: true })).length, 10, 20);
    expect(await backendsOf(db, name)).toHaveLength(10);
  });

  it('keeps a quarter of its connections free from any one kind of call', async () => {
    const { name, storage } = named({ max: 4, statementTimeoutMs: 0 });
    const { id } = await db.storage.createUser({});
    await whileLocked(db, 'SELECT 1 FROM users WHERE id = $1 FOR UPDATE', [id], async (release) => {
      const updates = Array.from({ length: 12 }, (_, at) => storage.updateUser(id, { name: `${at}` }));
      await until(async () => (await backendsOf(db, name, { waiting: true })).length === 3);
      await expect(storage.getUser(id)).resolves.toMatchObject({ id });
      expect(await backendsOf(db, name, { waiting: true })).toHaveLength(3);
      await release();
      await Promise.all(updates);
    });
  });

  it('closes connections that were idle for idleTimeoutMillis, except `min` of them', async () => {
    const { storage, backends } = named({ max: 4, min: 2, idleTimeoutMillis: 40, statementTimeoutMs: 0 });
    await occupy(storage, async () => (await backends()).length, 4);
    await until(async () => (await backends()).length === 2);
    const kept = await backends();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await backends()).toEqual(kept);
  });

  it('closes all idle connections by default, and none with idleTimeoutMillis 0', async () => {
    const closing = named({ idleTimeoutMillis: 40 });
    const keeping = named({ idleTimeoutMillis: 0 });
    await Promise.all([closing.storage.getUser('x'), keeping.storage.getUser('x')]);
    await until(async () => (await closing.backends()).length === 0);
    expect(await keeping.backends()).toHaveLength(1);
  });

  it('replaces a connection after maxLifetimeSeconds', async () => {
    const { storage, backends } = named({ max: 1, maxLifetimeSeconds: 1 });
    await storage.getUser('x');
    const [first] = await backends();
    await until(async () => {
      await storage.getUser('x');
      const now = await backends();
      return now.length > 0 && !now.includes(first as number);
    });
  });

  it.each([2, 4])(
    'keeps `min` connections open while it replaces them after maxLifetimeSeconds, of at most %d',
    async (max) => {
      const { storage, backends } = named({
        max,
        min: 2,
        idleTimeoutMillis: 40,
        maxLifetimeSeconds: 1,
        statementTimeoutMs: 0,
      });
      await occupy(storage, async () => (await backends()).length, max);
      await until(async () => (await backends()).length === 2);
      const first = await backends();
      await until(async () => {
        const now = await backends();
        expect(now.length).toBeLessThanOrEqual(max);
        return now.length === 2 && !now.some((pid) => first.includes(pid));
      });
      // The server knows of a connection a little before the pool has it.
      await until(() => storage.stats().connections.used === 0);
      expect(storage.stats().connections).toMatchObject({ total: 2, idle: 2, used: 0 });
    },
  );

  it('replaces a connection after maxUses', async () => {
    const { storage, backends } = named({ max: 1, maxUses: 2 });
    const seen = new Set<number>();
    for (let at = 0; at < 6; at += 1) {
      await storage.getUser('x');
      for (const pid of await backends()) seen.add(pid);
    }
    expect(seen.size).toBe(3);
  });

  it('waits for a connection without limit when connectionTimeoutMillis is 0', async () => {
    const { name, storage } = named({ max: 1, connectionTimeoutMillis: 0, statementTimeoutMs: 0 });
    const { id } = await db.storage.createUser({});
    await whileLocked(db, 'SELECT 1 FROM users WHERE id = $1 FOR UPDATE', [id], async (release) => {
      const held = storage.updateUser(id, { name: 'a' });
      await until(async () => (await backendsOf(db, name, { waiting: true })).length === 1);
      const read = storage.listRoles('x');
      await new Promise((resolve) => setTimeout(resolve, 200));
      await expect(db.storage.healthCheck()).resolves.toMatchObject({ status: 'ok' });
      await release();
      await held;
      await expect(read).resolves.toEqual([]);
    });
  });
});

describe('a session on the server gets', () => {
  const SETTINGS = ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'application_name'];

  /** What the server says of its session with that adapter. */
  async function settingsOf(storage: PostgresStorageAdapter): Promise<Record<string, string>> {
    return (await storage.createUser({})).metadata as Record<string, string>;
  }

  beforeAll(async () => {
    const pairs = SETTINGS.map((name) => `'${name}', current_setting('${name}')`).join(', ');
    await db.query(`CREATE FUNCTION show_settings() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN NEW.metadata := jsonb_build_object(${pairs}); RETURN NEW; END $$`);
    await db.query('CREATE TRIGGER show BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION show_settings()');
  });
  afterAll(() => db.query('DROP FUNCTION show_settings CASCADE'));

  it.each<[string, AdapterOptions, Record<string, string>]>([
    ['default time-outs', {}, { statement_timeout: '5s', lock_timeout: '0', idle_in_transaction_session_timeout: '0' }],
    ['the default application_name', {}, { application_name: 'auth-postgres' }],
    ['the option statementTimeoutMs', { statementTimeoutMs: 1_234 }, { statement_timeout: '1234ms' }],
    ['no time-out with statementTimeoutMs 0', { statementTimeoutMs: 0 }, { statement_timeout: '0' }],
    ['node-postgres’ option statement_timeout', { statement_timeout: 777 }, { statement_timeout: '777ms' }],
    ['no time-out with statement_timeout false', { statement_timeout: false }, { statement_timeout: '0' }],
    [
      'statementTimeoutMs, not statement_timeout',
      { statement_timeout: 777, statementTimeoutMs: 888 },
      { statement_timeout: '888ms' },
    ],
    ['the option lock_timeout', { lock_timeout: 250 }, { lock_timeout: '250ms' }],
    [
      'the option idle_in_transaction_session_timeout',
      { idle_in_transaction_session_timeout: 9_000 },
      { idle_in_transaction_session_timeout: '9s' },
    ],
    [
      'the option application_name',
      { application_name: `it's "me", \\ 100 %` },
      { application_name: `it's "me", \\ 100 %` },
    ],
  ])('%s', async (_, options, expected) => {
    expect(await settingsOf(db.adapter(options))).toMatchObject(expected);
  });

  it('the application_name of the URL, unless the option is set', async () => {
    const url = `${db.url}?application_name=from%20url`;
    expect(await settingsOf(db.adapter({}, url))).toMatchObject({ application_name: 'from url' });
    expect(await settingsOf(db.adapter({ application_name: 'ours' }, url))).toMatchObject({ application_name: 'ours' });
  });
});

it('the options `host`, `port`, `user`, `password` and `database` override the URL', async () => {
  const { hostname: host, port, username: user, password, pathname } = new URL(db.url);
  const options = { host, port: Number(port), user, password, database: pathname.slice(1) };
  const storage = db.adapter(options, 'postgres://nobody:wrong@nowhere.invalid:1/nothing');
  await expect(storage.connect()).resolves.toBeUndefined();
  for (const [name, wrong, code] of [
    ['host', 'nowhere.invalid', 'connection_failed'],
    ['port', 1, 'connection_failed'],
    ['user', 'nobody', 'authentication_failed'],
    ['password', 'wrong', 'authentication_failed'],
    ['database', 'nothing', 'connection_failed'],
  ] as const) {
    await expectCode(db.adapter({ ...options, [name]: wrong }).connect(), code);
  }
});

it('`maxRetries` limits how often a call is repeated, and is 2 by default', async () => {
  for (const [options, attempts] of [
    [{}, 3],
    [{ maxRetries: 0 }, 1],
    [{ maxRetries: 4 }, 5],
  ] as const) {
    await whileFailing(db, '40001', {}, async () => {
      const error = await rejection(db.adapter(options).createUser({}));
      expect(error.context.attempts).toBe(attempts);
    });
  }
});

it('`migrate: false` connects to a database that has been migrated', async () => {
  const storage = db.adapter({ migrate: false });
  await expect(storage.connect()).resolves.toBeUndefined();
  await expect(storage.getUser('x')).resolves.toBeNull();
});

describe('the constructor', () => {
  const make = (options: unknown) => () => new PostgresStorageAdapter(db.url, options as AdapterOptions);
  const refusal = (field: string, message: unknown = expect.any(String)) =>
    expect.objectContaining({
      ...{ name: 'InternalError', code: 'auth_postgres/invalid_input', statusCode: 422, message },
      context: { operation: 'constructor', field },
    });

  it.each([
    ['idleTimeoutMilis', 'idleTimeoutMillis'],
    ['maxx', 'max'],
    ['statementTimeout', 'statement_timeout'],
    ['application_nam', 'application_name'],
    ['Schema', 'schema'],
    ['retries', 'maxRetries'],
    ['loglevel', 'logLevel'],
  ])('rejects the unknown option %s, and suggests %s', (given, nearest) => {
    expect(make({ [given]: 1 })).toThrow(refusal(given, expect.stringContaining(`\`${nearest}\``)));
  });

  it.each(['__proto__', 'constructor', 'toString', 'completely_different'])('rejects the unknown option %s', (name) => {
    expect(make(JSON.parse(`{${JSON.stringify(name)}: 1}`))).toThrow(refusal(name));
  });

  it.each([
    ...['types', 'keepAliveInitialDelayMillis', 'Client', 'Promise', 'stream', 'binary', 'client_encoding'],
    ...['fallback_application_name', 'parseInputDatesAsUTC', 'connectionString', 'replication', 'pipeline', 'verify'],
    ...['enableChannelBinding', 'sslnegotiation', 'scramMaxIterations', 'poolSize', 'log', 'onConnect'],
  ])('rejects the option %s of node-postgres, with a reason', (name) => {
    for (const value of [{}, () => undefined, 1]) {
      expect(make({ [name]: value })).toThrow(refusal(name, expect.not.stringContaining('is not known')));
    }
  });

  // Those that take something else than a number, text or a flag have tests of their own.
  it.each<[string, unknown]>([
    ...[
      ...['max', 'min', 'idleTimeoutMillis', 'connectionTimeoutMillis', 'maxLifetimeSeconds', 'maxUses'],
      ...['statementTimeoutMs', 'statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout'],
      ...['maxRetries', 'port'],
    ].flatMap((name): [string, unknown][] => [-1, 1.5, '5', true, {}, 2 ** 31, Number.NaN].map((bad) => [name, bad])),
    ...['host', 'user', 'database', 'application_name', 'schema'].flatMap((name): [string, unknown][] =>
      [7, true, {}, [], 'a\0b', 'a\ud800'].map((bad) => [name, bad]),
    ),
    ...['allowExitOnIdle', 'migrate'].flatMap((name): [string, unknown][] => [1, 'true', {}].map((bad) => [name, bad])),
    ...[7, true, 'loud', {}].map((bad): [string, unknown] => ['logLevel', bad]),
    ...[7, 'session', {}].map((bad): [string, unknown] => ['pooler', bad]),
    ...[7, 'console', {}, { info() {} }].map((bad): [string, unknown] => ['logger', bad]),
    ...['', '$user', 'pg_catalog', 'pg_mine', 'x'.repeat(64), 'ü'.repeat(32)].map((bad): [string, unknown] => [
      'schema',
      bad,
    ]),
    ['max', 0],
    ['port', 0],
    ['port', 65_536],
    ['host', ''],
    ['user', ''],
    ['database', ''],
  ])('rejects %s when it is %j', (name, bad) => {
    expect(make({ [name]: bad })).toThrow(refusal(name));
  });

  it('rejects `min` above `max`', () => {
    expect(make({ min: 11 })).toThrow(refusal('min'));
    expect(make({ min: 3, max: 2 })).toThrow(refusal('min'));
  });

  it('treats an option that is null or undefined as absent', () => {
    for (const nothing of [null, undefined]) {
      const names = [
        ...['max', 'min', 'idleTimeoutMillis', 'connectionTimeoutMillis', 'maxLifetimeSeconds', 'maxUses'],
        ...['statementTimeoutMs', 'statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout'],
        ...['query_timeout', 'application_name', 'keepAlive', 'options', 'maxRetries', 'host', 'port', 'user'],
        ...['password', 'database', 'ssl', 'allowExitOnIdle', 'schema', 'pooler', 'logger', 'logLevel', 'migrate'],
        ...['retainEventsForDays', 'legacyTimeZone', 'slowCallMs'],
      ];
      expect(make(Object.fromEntries(names.map((name) => [name, nothing])))).not.toThrow();
      expect(make(nothing)).not.toThrow();
    }
  });

  it.each([7, 'x', true, []])('rejects %j in place of the options', (options) => {
    expect(make(options)).toThrow(refusal('options'));
  });
});
