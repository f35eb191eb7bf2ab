/** The log has every statement and every retry, goes through the caller’s logger, and contains no values. */
import { join } from 'node:path';
import { Collector, type Line } from './helpers/collector';
import { commandEnvironment, start } from './helpers/command';
import { useDatabase } from './helpers/database';
import { expectCode } from './helpers/errors';
import { argumentsOf, call, makeScene } from './helpers/every-method';
import { whileFailing, whileLocked } from './helpers/failing';
import { unique } from './helpers/fixtures';
import { FIRST, LAST } from './helpers/migrations';
import { runScript } from './helpers/process';
import { Relay } from './helpers/relay';

const db = useDatabase();

it('the log has a line for each statement of every method before the method’s promise resolves', async () => {
  const logger = new Collector();
  const storage = db.adapter({ logger });
  const scene = await makeScene(storage);
  logger.take();
  for (const [method, args] of Object.entries(argumentsOf(scene))) {
    await call(storage, method, args);
    const lines = logger.take('statement');
    expect({ method, lines: lines.length }).toEqual({ method, lines: expect.any(Number) });
    expect(lines.length).toBeGreaterThan(0);
    for (const { level, fields } of lines) {
      expect({ level, fields }).toEqual({
        level: 'debug',
        fields: { operation: method, durationMs: expect.any(Number), rows: expect.any(Number), attempt: 1 },
      });
      expect(fields.durationMs).toBeGreaterThan(0);
    }
  }
});

it('the log has as many lines as the server received statements', async () => {
  const relay = await Relay.start(db.url);
  const logger = new Collector();
  const storage = db.adapter({ logger, max: 1 }, relay.url);
  try {
    const scene = await makeScene(storage);
    logger.take();
    relay.reset();
    // These send several statements, in a transaction that is one line.
    const { createBackupCodes: _, exportUser: __, eraseUser: ___, ...calls } = argumentsOf(scene);
    for (const [method, args] of Object.entries(calls)) await call(storage, method, args);
    const executed = relay.messages.filter(({ from, type }) => from === 'client' && type === 'E');
    expect(logger.take('statement')).toHaveLength(executed.length);
  } finally {
    await storage.disconnect();
    await relay.close();
  }
});

it('the log counts the rows of each statement', async () => {
  const logger = new Collector();
  const storage = db.adapter({ logger });
  const { id } = await storage.createUser({});
  const rowsOf = async (work: Promise<unknown>) => {
    await work;
    return logger.take('statement').map(({ fields }) => fields.rows);
  };
  logger.take();
  expect(await rowsOf(storage.getUser(id))).toEqual([1]);
  expect(await rowsOf(storage.getUser(unique('nobody')))).toEqual([0]);
  expect(await rowsOf(storage.deleteUser(unique('nobody')))).toEqual([0]);
  expect(await rowsOf(storage.createBackupCodes(id, ['a', 'b', 'c']))).toEqual([3]);
  expect(await rowsOf(storage.getBackupCodes(id))).toEqual([3]);
});

it.each(['connect', 'healthCheck', 'rollback'] as const)('the log has lines for %s', async (method) => {
  const logger = new Collector();
  const storage = db.adapter({ logger });
  await (method === 'rollback' ? storage.rollback({ to: LAST }) : storage[method]());
  const operations = logger.take('statement').map(({ fields }) => fields.operation);
  expect(operations).toContain(method);
  expect(operations).toEqual(operations.map(() => method));
});

it('the log has a line for a failed statement, with its code and SQLSTATE', async () => {
  const logger = new Collector();
  const storage = db.adapter({ logger });
  const { email } = await db.storage.createUser({ email: `${unique()}@example.com` });
  await expectCode(storage.createUser({ email: email as string }), 'conflict');
  expect(logger.take('statement failed')).toEqual([
    {
      level: 'debug',
      message: 'statement failed',
      fields: {
        ...{ operation: 'createUser', durationMs: expect.any(Number), rows: 0, attempt: 1 },
        ...{ code: 'auth_postgres/conflict', sqlState: '23505' },
      },
    },
  ]);
});

it('the log warns of every retry, and numbers the attempts', async () => {
  await whileFailing(db, '40001', { times: 2 }, async () => {
    const logger = new Collector();
    const storage = db.adapter({ logger, maxRetries: 2 });
    await storage.createUser({ name: 'Ada' });
    const lines = logger.take();
    const retries = lines.filter(({ message }) => message === 'retry');
    expect(retries).toEqual(
      [1, 2].map((attempt) => ({
        level: 'warn',
        message: 'retry',
        fields: {
          ...{ operation: 'createUser', attempt, pauseMs: expect.any(Number) },
          ...{ code: 'auth_postgres/serialization_failure', sqlState: '40001' },
        },
      })),
    );
    expect(lines.filter(({ message }) => message.startsWith('statement')).map(({ fields }) => fields.attempt)).toEqual([
      1, 2, 3,
    ]);
  });
});

describe('the levels of the log', () => {
  const other = useDatabase();

  it.each([
    ['debug', ['debug', 'info', 'warn']],
    ['info', ['info', 'warn']],
    ['warn', ['warn']],
    // The adapter itself logs nothing at this level: what fails rejects its call.
    ['error', []],
  ] as const)('with logLevel %s the logger gets lines of the levels %j', async (logLevel, passed) => {
    const logger = new Collector();
    const storage = other.adapter({ logger, logLevel });
    await storage.rollback({ to: FIRST });
    await storage.connect();
    await whileFailing(other, '40001', { times: 1 }, async () => void (await storage.createUser({})));
    await storage.disconnect();
    const lines = logger.take();
    expect([...new Set(lines.map(({ level }) => level))].sort()).toEqual([...passed]);
    const levelOf = (text: string) => [...new Set(lines.filter((line) => line.message === text).map((l) => l.level))];
    const expected = (level: string) => (passed as readonly string[]).filter((each) => each === level);
    expect(levelOf('statement')).toEqual(expected('debug'));
    expect(levelOf('migration rolled back')).toEqual(expected('info'));
    expect(levelOf('migration applied')).toEqual(expected('info'));
    expect(levelOf('retry')).toEqual(expected('warn'));
  });
});

describe('on an empty database', () => {
  const empty = useDatabase({ migrated: false });

  it('the log names each migration that is applied or rolled back', async () => {
    const logger = new Collector();
    const storage = empty.adapter({ logger, logLevel: 'info' });
    await storage.connect();
    expect(logger.lines).toContainEqual({
      level: 'info',
      message: 'migration applied',
      fields: { migration: FIRST, durationMs: expect.any(Number) },
    });
    logger.take();
    await storage.rollback({ to: null, dropData: true });
    expect(logger.lines).toContainEqual({
      level: 'info',
      message: 'migration rolled back',
      fields: { migration: FIRST, durationMs: expect.any(Number) },
    });
  });
});

it('an adapter’s logger gets no lines of another adapter', async () => {
  const [one, two] = [new Collector(), new Collector()];
  const [first, second] = [db.adapter({ logger: one }), db.adapter({ logger: two })];
  await Promise.all([first.getUser('x'), second.getRole('x')]);
  await Promise.all(Array.from({ length: 20 }, () => Promise.all([first.getUser('x'), second.getRole('x')])));
  const operations = (lines: Line[]) => new Set(lines.flatMap(({ fields }) => fields.operation ?? []));
  expect(operations(one.take('statement'))).toEqual(new Set(['getUser']));
  expect(operations(two.take('statement'))).toEqual(new Set(['getRole']));
});

it('holds nothing that the server or the driver says in words of its own', async () => {
  await db.query(`CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE NOTICE 'the name is %', NEW.name; RAISE WARNING 'really %', NEW.name; RETURN NEW; END $$`);
  await db.query('CREATE TRIGGER tell BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION tell()');
  const logger = new Collector();
  const storage = db.adapter({ logger });
  const { id } = await storage.createUser({ name: 'hunter2' });
  await storage.updateUser(id, { name: 'hunter3' });
  await storage.disconnect();
  await db.query('DROP FUNCTION tell CASCADE');
  const lines = logger.take();
  expect(new Set(lines.map(({ message }) => message))).toEqual(new Set(['connection opened', 'statement']));
  expect(JSON.stringify(lines)).not.toContain('hunter');
});

it.each([
  ['throws', `throw new Error('full disk')`, 'the logger threw: full disk'],
  [
    'throws an object whose message cannot be read',
    `throw { get message() { throw new Error('none') } }`,
    'an error without a text',
  ],
  [
    'returns a promise that rejects',
    `return Promise.reject(new Error('full\\ndisk'))`,
    'the logger threw: full\\ndisk',
  ],
  ['returns a promise that rejects with undefined', `return Promise.reject()`, 'the logger threw: undefined'],
  ['returns a thenable that throws', `return { then() { throw new Error('full disk') } }`, 'full disk'],
  [
    'returns an object whose then cannot be read',
    `return { get then() { throw new Error('full disk') } }`,
    'full disk',
  ],
])('calls succeed and the process warns when the logger %s', async (_, body, warning) => {
  const { code, stdout, stderr } = await runScript(
    `
    import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
    const fail = () => { ${body}; };
    const thrower = new PostgresStorageAdapter(process.env.URL, { logger: { debug: fail, info: fail, warn: fail, error: fail } });
    await thrower.connect();
    const user = await thrower.createUser({});
    console.log((await Promise.all(Array.from({ length: 50 }, () => thrower.getUser(user.id)))).every((found) => found.id === user.id));
    await thrower.disconnect();
    console.log('done');`,
    { env: { URL: db.url } },
  );
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'true\ndone\n' });
  expect(stderr).toContain('AuthPostgresWarning');
  expect(stderr).toContain(warning);
});

describe('slowCallMs', () => {
  const HOLD = 'SELECT FROM users WHERE id = $1 FOR UPDATE';

  /** An adapter that has connected, and has logged nothing yet. A busy machine makes any call slow. */
  const connected = async (logger: Collector, slowCallMs: number) => {
    const storage = db.adapter({ logger, slowCallMs });
    await storage.connect();
    logger.take();
    return storage;
  };

  it('a call that takes longer is a warning, with what it was and without any value', async () => {
    const { id } = await db.adapter().createUser({ name: 'Slowly' });
    const logger = new Collector();
    const storage = await connected(logger, 200);
    await whileLocked(db, HOLD, [id], async (release) => {
      const waiting = storage.updateUser(id, { name: 'late' });
      await new Promise((resolve) => setTimeout(resolve, 250));
      await release();
      await waiting;
    });
    const lines = logger.take('slow call');
    expect(lines).toEqual([
      {
        ...{ level: 'warn', message: 'slow call' },
        fields: { operation: 'updateUser', durationMs: expect.any(Number), attempts: 1, rows: 1 },
      },
    ]);
    expect(lines[0]?.fields.durationMs).toBeGreaterThanOrEqual(200);
  });

  it('a call that takes less is none', async () => {
    const logger = new Collector();
    const storage = await connected(logger, 60_000);
    await storage.createUser({});
    expect(logger.take('slow call')).toEqual([]);
  });

  it('a call that fails slowly is one, too, and keeps its error', async () => {
    const { id } = await db.adapter().createUser({});
    const logger = new Collector();
    const storage = await connected(logger, 100);
    await whileLocked(db, HOLD, [id], async () => {
      await expectCode(storage.updateUser(id, { name: 'x' }, { timeoutMs: 150 }), 'cancelled', { outcome: 'unknown' });
    });
    expect(logger.take('slow call').map(({ fields }) => fields.operation)).toEqual(['updateUser']);
  });

  it.each([-1, 1.5, 'x', true])('%j is refused', (slowCallMs) => {
    const make = () => db.adapter({ slowCallMs: slowCallMs as number });
    expect(make).toThrow(expect.objectContaining({ context: { operation: 'constructor', field: 'slowCallMs' } }));
  });
});

describe('AUTH_POSTGRES_LOG', () => {
  const SCRIPT = `
    import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
    const storage = new PostgresStorageAdapter(process.env.TEST_URL, JSON.parse(process.env.TEST_OPTIONS));
    await storage.getUser('nobody');
    await storage.disconnect();
  `;
  const run = (level: string, options: object = {}) =>
    runScript(SCRIPT, { env: { AUTH_POSTGRES_LOG: level, TEST_URL: db.url, TEST_OPTIONS: JSON.stringify(options) } });

  it('makes an adapter without a logger write lines of JSON to standard error', async () => {
    const { stderr, code } = await run('debug');
    const lines = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(code).toBe(0);
    expect(lines).toContainEqual({
      ...{ time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/), level: 'debug', message: 'statement' },
      ...{ operation: 'getUser', durationMs: expect.any(Number), rows: 0, attempt: 1 },
    });
  });

  it('names the least level', async () => {
    expect((await run('warn')).stderr).toBe('');
  });

  it('ends no process whose standard error nobody reads any more', async () => {
    const env = commandEnvironment({ AUTH_POSTGRES_LOG: 'debug', TEST_URL: db.url, TEST_OPTIONS: '{}' });
    const { child, ended } = start(process.execPath, ['--input-type=module', '--eval', SCRIPT], {
      ...{ env, cwd: join(__dirname, '..') },
    });
    child.stderr.destroy();
    await expect(ended).resolves.toMatchObject({ code: 0 });
  });

  it('tells of another value, and logs nothing', async () => {
    const { stderr } = await run('loud');
    expect(stderr).toContain('AUTH_POSTGRES_LOG must be one of debug, info, warn, error');
    expect(stderr).not.toContain('"statement"');
  });
});
