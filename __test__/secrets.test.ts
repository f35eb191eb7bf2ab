/** No e-mail, hash, code, token, secret, password, id or other value of a row appears in an error or in the log. */
import { inspect } from 'node:util';
import { InternalError, PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { type AdapterOptions, useDatabase } from './helpers/database';
import { argumentsOf, call, isDelete, makeScene, type Scene } from './helpers/every-method';
import { unique } from './helpers/fixtures';
import { Relay } from './helpers/relay';

const db = useDatabase();

/** Part of every value that the tests write, in whatever case it is stored. */
const MARK = 'hunter2';
/** The mark, or text that may be a generated key or its hash. */
const SECRET = new RegExp(`${MARK}|[0-9a-f]{64}`, 'i');
const marked = (what: string) => unique(`${what}-${MARK}`);

const lines: string[] = [];
const write = (level: string) => (message: string, fields: object) =>
  void lines.push(inspect({ level, message, fields }, { depth: null }));
const logger = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };

/** All texts that an error contains, in every way of looking at it. */
function textsOf(error: unknown): string[] {
  expect(error).toBeInstanceOf(InternalError);
  const { message, stack, context, cause } = error as InternalError;
  return [
    ...[message, String(error), `${stack}`, JSON.stringify(error), JSON.stringify(context)],
    ...[cause?.message, cause?.stack, JSON.stringify(cause)].map(String),
    inspect(error, { depth: null, showHidden: true, getters: true }),
  ];
}

function expectNoSecret(texts: string[]) {
  expect(texts.filter((text) => SECRET.test(text))).toEqual([]);
}

/** What the calls reject with; those that succeed do not matter here. */
async function errorsOf(storage: PostgresStorageAdapter, calls: [method: string, args: unknown[]][]) {
  const errors: InternalError[] = [];
  for (const [method, args] of calls) {
    await call(storage, method, args).catch((error) => errors.push(error));
  }
  expectNoSecret(errors.flatMap(textsOf));
  return errors;
}

const logging = (options: AdapterOptions = {}, url?: string) => db.adapter({ logger, maxRetries: 0, ...options }, url);

let storage: PostgresStorageAdapter;
beforeAll(() => {
  storage = logging();
});

afterEach(() => {
  expect(lines.length).toBeGreaterThan(0);
  expectNoSecret(lines.splice(0));
});

const codesOf = (errors: InternalError[]) => new Set(errors.map(({ code }) => code.replace('auth_postgres/', '')));

it('no value of a row is revealed when every method succeeds, nor when it is called again', async () => {
  const calls = Object.entries(argumentsOf(await makeScene(storage, marked)));
  const kept = calls.filter(([method]) => !isDelete(method));
  expect(await errorsOf(storage, kept)).toEqual([]);
  expect(codesOf(await errorsOf(storage, kept))).toEqual(new Set(['conflict', 'already_used', 'not_found']));
  expect(
    await errorsOf(
      storage,
      calls.filter(([method]) => isDelete(method)),
    ),
  ).toEqual([]);
  expect(codesOf(await errorsOf(storage, kept))).toEqual(new Set(['conflict', 'invalid_reference', 'not_found']));
});

it('no value of a row is revealed when a unique value is taken', async () => {
  const scene = await makeScene(storage, marked);
  const other = await makeScene(storage, marked);
  const { providerSubject } = (await storage.getSSOLink(scene.linkId)) ?? {};
  const { createSSOLink, createApiKey } = argumentsOf(other);
  const errors = await errorsOf(storage, [
    ['createUser', [{ email: scene.email.toUpperCase() }]],
    ['updateUser', [other.userId, { email: scene.email }]],
    ['linkOAuthAccount', [other.userId, 'google', { provider: 'google', sub: scene.sub }]],
    ['createApiKey', [{ ...(createApiKey[0] as object), hash: scene.hash }]],
    ['updateApiKey', [other.apiKeyId, { hash: scene.hash }]],
    ['createSSOLink', [{ ...(createSSOLink[0] as object), providerId: scene.providerId, providerSubject }]],
    ['createBackupCodes', [other.userId, [{ id: scene.codeId, code: marked('code') }]]],
  ]);
  expect(errors.map(({ code }) => code)).toEqual(Array(7).fill('auth_postgres/conflict'));
});

/** For each text in a value, the value with that text replaced by something wrong that contains it. */
function* spoilt(value: unknown): Generator<unknown> {
  if (typeof value === 'string') {
    yield* [`${value}\0`, `${value}\ud800`, value.repeat(200), { [value]: value }, [value], Object(value), /hunter2/];
  } else if (typeof value === 'object' && value !== null && !(value instanceof Date)) {
    for (const [key, inner] of Object.entries(value)) {
      for (const bad of spoilt(inner)) yield Array.isArray(value) ? [bad] : { ...value, [key]: bad };
    }
  }
}

it('no value of a row is revealed when the input is bad', async () => {
  const scene = await makeScene(storage, marked);
  const calls = Object.entries(argumentsOf(scene)).flatMap(([method, args]) =>
    args.flatMap((arg, at) =>
      [...spoilt(arg)].map((bad): [string, unknown[]] => [method, args.map((each, i) => (i === at ? bad : each))]),
    ),
  );
  const errors = await errorsOf(storage, calls);
  expect(errors.filter(({ code }) => code === 'auth_postgres/invalid_input').length).toBeGreaterThan(500);
  expect(codesOf(errors)).not.toContain('internal');
});

describe('no value of a row is revealed when the server', () => {
  let scene: Scene;
  const calls = () => Object.entries(argumentsOf(scene));
  beforeEach(async () => {
    scene = await makeScene(db.storage, marked);
    lines.push('');
  });

  /** Runs a statement for every table; `$table` stands for its name. */
  async function everywhere(sql: string) {
    const tables = await db.query<{ name: string }>(
      `SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
          AND relname NOT IN ('auth_migrations', 'user_oauth_accounts')`,
    );
    for (const { name } of tables) await db.query(sql.replaceAll('$table', name));
  }

  it('reports a violated CHECK constraint and prints the row', async () => {
    await everywhere('ALTER TABLE $table ADD CONSTRAINT boom CHECK (false) NOT VALID');
    try {
      const errors = await errorsOf(storage, calls());
      expect(errors.filter(({ context }) => context.constraint === 'boom').length).toBeGreaterThan(25);
    } finally {
      await everywhere('ALTER TABLE $table DROP CONSTRAINT boom');
    }
  });

  it.each([
    ['22023', `MESSAGE = (CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END)::text`],
    ['22P02', `MESSAGE = (CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END)::text`],
    ['23505', `DETAIL = (CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END)::text`],
    ['23503', `DETAIL = (CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END)::text`],
    ['P0001', `MESSAGE = (CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END)::text`],
    ['P0004', `MESSAGE = (CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END)::text`],
    ['P0001', `HINT = (CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END)::text`],
    ['40001', `DETAIL = (CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END)::text`],
  ])('raises %s and prints the row', async (sqlState, using) => {
    await db.query(`CREATE FUNCTION boom() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION USING ERRCODE = '${sqlState}', ${using}; END $$`);
    await everywhere(
      'CREATE TRIGGER boom BEFORE INSERT OR UPDATE OR DELETE ON $table FOR EACH ROW EXECUTE FUNCTION boom()',
    );
    try {
      const errors = await errorsOf(storage, calls());
      expect(errors.filter(({ context }) => context.sqlState === sqlState).length).toBeGreaterThan(30);
    } finally {
      await db.query('DROP FUNCTION boom CASCADE');
    }
  });

  it('is read-only', async () => {
    await db.query(`ALTER DATABASE ${db.name} SET default_transaction_read_only = on`);
    const readOnly = logging();
    try {
      expect(codesOf(await errorsOf(readOnly, calls()))).toEqual(new Set(['read_only']));
    } finally {
      await readOnly.disconnect();
      await db.query(`SET transaction_read_only = off; ALTER DATABASE ${db.name} RESET default_transaction_read_only`);
    }
  });

  it('closes the connection instead of answering', async () => {
    const relay = await Relay.start(db.url);
    const lost = logging({ connectionTimeoutMillis: 2_000 }, relay.url);
    try {
      await lost.connect();
      // The statement has been sent, and no answer comes.
      relay.onMessage(({ from, type }) =>
        from === 'server' && type !== 'R' && 'T2DCE'.includes(type) ? 'cut' : 'pass',
      );
      expect(codesOf(await errorsOf(lost, calls()))).toEqual(new Set(['connection_failed']));
    } finally {
      await lost.disconnect();
      await relay.close();
    }
  });

  it('finds no tables', async () => {
    await db.query('ALTER SCHEMA public RENAME TO hidden');
    await db.query('CREATE SCHEMA public');
    const lost = logging();
    try {
      expect(codesOf(await errorsOf(lost, calls()))).toEqual(new Set(['schema_mismatch']));
    } finally {
      await lost.disconnect();
      await db.query('DROP SCHEMA public');
      await db.query('ALTER SCHEMA hidden RENAME TO public');
    }
  });
});

describe('no secret of a connection is revealed', () => {
  it('in the errors of connect() and calls, nor by healthCheck()', async () => {
    const url = new URL(db.url);
    url.password = MARK;
    for (const [change, options] of [
      [(it: URL) => it, {}],
      [(it: URL) => it, { password: `other-${MARK}` }],
      [(it: URL) => Object.assign(it, { port: '1' }), {}],
      [(it: URL) => Object.assign(it, { hostname: 'nowhere.invalid' }), {}],
    ] as [(url: URL) => URL, AdapterOptions][]) {
      const wrong = logging(options, change(new URL(url)).href);
      await errorsOf(wrong, [
        ['connect', []],
        ['getUser', ['x']],
      ]);
      expectNoSecret([inspect(await wrong.healthCheck(), { depth: null })]);
    }
    await storage.getUser('x');
  });

  it('by inspecting, printing or serialising the adapter', async () => {
    const url = new URL(db.url);
    url.password = MARK;
    const adapter = logging({ password: `other-${MARK}`, user: 'someone' }, url.href);
    const seen = [inspect(adapter, { depth: null, showHidden: true, getters: true }), JSON.stringify(adapter)];
    expectNoSecret([...seen, String(adapter), Object.getOwnPropertyNames(adapter).join()]);
    await storage.getUser('x');
  });

  it.each([
    '',
    MARK,
    `mysql://u:${MARK}@h/d`,
    `postgres://u:${MARK}@h:99999/d`,
    `postgres://u:${MARK}@h:x/d`,
    `postgres://u:${MARK}@h/d?nonsense=${MARK}`,
    `postgres://u:${MARK}%ff@h/d`,
    `postgres://u:${MARK}%00@h/d`,
    `postgres://u:${MARK}@[::1/d`,
    `postgres://u:${MARK} @h/d?sslmode=${MARK}`,
    `postgres://u:${MARK}@h/d?port=${MARK}`,
    `postgres://u:${MARK}@h/d?connect_timeout=${MARK}`,
    `postgres://u:${MARK}\ud800@h/d`,
  ])('in the constructor’s error about the URL %j', async (url) => {
    let thrown: unknown;
    try {
      new PostgresStorageAdapter(url);
    } catch (error) {
      thrown = error;
    }
    expectNoSecret(textsOf(thrown));
    expect(thrown).toMatchObject({ code: 'auth_postgres/invalid_input', context: { field: expect.any(String) } });
    await storage.getUser('x');
  });

  it.each([
    { password: 7 },
    { password: `${MARK}\0` },
    { password: { [MARK]: MARK } },
    { application_name: [MARK] },
    { ssl: MARK },
    { ssl: { rejectUnauthorized: MARK } },
    { host: `${MARK}\0` },
    { schema: MARK.repeat(20) },
    { max: MARK },
    { logLevel: MARK },
    { logger: MARK },
    { pooler: MARK },
  ])('in the constructor’s error about the options %j', async (options) => {
    let thrown: unknown;
    try {
      new PostgresStorageAdapter(`postgres://u:${MARK}@h/d`, options as never);
    } catch (error) {
      thrown = error;
    }
    expectNoSecret(textsOf(thrown));
    expect(thrown).toMatchObject({ code: 'auth_postgres/invalid_input' });
    await storage.getUser('x');
  });
});
