/** How a connection is found and opened: URL, `PG*` variables, passwords, start-up options, keepalive. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectTo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { type PostgresServer, startPostgres } from '../scripts/test/postgres-server.cjs';
import { Collector } from './helpers/collector';
import { asSuperuser, useDatabase } from './helpers/database';
import { expectCode } from './helpers/errors';
import { until } from './helpers/failing';
import { runScript } from './helpers/process';
import { Relay } from './helpers/relay';

const db = useDatabase();

/** What the server knows about the sessions of an application name. */
const sessions = (name: string) =>
  db.query('SELECT pid, client_port, usename, datname FROM pg_stat_activity WHERE application_name = $1', [name]);

/** The database's URL with something changed. */
function urlWith(change: (url: URL) => void): string {
  const url = new URL(db.url);
  change(url);
  return url.href;
}

const expectWorking = (storage: PostgresStorageAdapter) => expect(storage.getUser('x')).resolves.toBeNull();

describe('the option `password`', () => {
  const right = () => decodeURIComponent(new URL(db.url).password);

  it.each<[string, () => string | Promise<string>]>([
    ['a function', () => right()],
    ['a function that returns a promise', async () => right()],
  ])('may be %s, which is called for each connection', async (_, answer) => {
    const password = jest.fn(answer);
    const storage = db.adapter({ password, max: 3 });
    await Promise.all(Array.from({ length: 3 }, () => storage.createUser({})));
    const opened = password.mock.calls.length;
    expect(opened).toBeGreaterThanOrEqual(1);
    expect(opened).toBeLessThanOrEqual(3);
    await storage.disconnect();
    await storage.connect();
    expect(password).toHaveBeenCalledTimes(opened + 1);
  });

  it('is called once more when the server refuses the password in a call', async () => {
    const password = jest.fn().mockReturnValueOnce('hunter2').mockImplementation(right);
    await expectWorking(db.adapter({ password }));
    expect(password).toHaveBeenCalledTimes(2);
  });

  it('is called twice at most when the server refuses both passwords', async () => {
    const password = jest.fn(() => 'hunter2');
    const error = await expectCode(db.adapter({ password, maxRetries: 5 }).getUser('x'), 'authentication_failed');
    expect(error.context).toMatchObject({ sqlState: '28P01', attempts: 2 });
    expect(password).toHaveBeenCalledTimes(2);
  });

  it('is called once by connect(), which makes one attempt', async () => {
    const password = jest.fn(() => 'hunter2');
    await expectCode(db.adapter({ password }).connect(), 'authentication_failed');
    expect(password).toHaveBeenCalledTimes(1);
  });

  class TokenError extends Error {
    override name = 'TokenError';
    code = 'TOKEN_EXPIRED';
  }

  it.each<[string, () => never, object]>([
    [
      'throws',
      () => {
        throw new TokenError('hunter2');
      },
      { message: 'it threw: TokenError', code: 'TOKEN_EXPIRED' },
    ],
    ['rejects', (() => Promise.reject(new TypeError('hunter2'))) as () => never, { message: 'it threw: TypeError' }],
    [
      'throws a string',
      () => {
        throw 'hunter2';
      },
      { message: 'it threw: error' },
    ],
    [
      'throws an object whose name cannot be read',
      () => {
        throw Object.defineProperty({}, 'name', {
          get: () => {
            throw new Error('hunter2');
          },
        });
      },
      { message: 'it threw: error' },
    ],
    [
      'returns a number',
      (() => 7) as unknown as () => never,
      { message: expect.stringContaining('must return a string') },
    ],
    [
      'returns undefined',
      (() => undefined) as unknown as () => never,
      { message: expect.stringContaining('must return a string') },
    ],
  ])('as a function that %s rejects the call without revealing the secret', async (_, password, cause) => {
    const error = await expectCode(db.adapter({ password }).connect(), 'authentication_failed');
    expect(error.cause).toMatchObject({ name: 'PasswordFunctionError', ...cause });
    expect(JSON.stringify(error)).not.toContain('hunter2');
    expect(error.stack).not.toContain('hunter2');
  });

  it('as a function that never answers ends with connectionTimeoutMillis', async () => {
    const password = () => new Promise<string>(() => undefined);
    const error = await expectCode(
      db.adapter({ password, connectionTimeoutMillis: 50 }).connect(),
      'connection_failed',
    );
    expect(error.message).toContain('password function');
    expect(error.cause).toMatchObject({ code: 'ETIMEDOUT' });
  });

  it('must be a string or a function', () => {
    for (const password of [true, 7, {}]) {
      expect(() => db.adapter({ password: password as never })).toThrow('`password` must be a string or a function');
    }
  });
});

describe('environment variables', () => {
  const script = `
    import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
    const storage = new PostgresStorageAdapter('postgres://');
    await storage.getUser('x').then(console.log, (error) => console.log(error.code, error.message));
    await storage.disconnect();`;
  const variables = () => {
    const { hostname, port, username, password } = new URL(db.url);
    const PGPASSWORD = decodeURIComponent(password);
    return { PGHOST: hostname, PGPORT: port, PGUSER: decodeURIComponent(username), PGDATABASE: db.name, PGPASSWORD };
  };

  it('supply what the URL leaves out', async () => {
    expect((await runScript(script, { env: variables() })).stdout).toBe('null\n');
  });

  it('are read in the thread that constructs the adapter', async () => {
    const storage = await withEnvironment(variables(), () => db.adapter({}, 'postgres://'));
    await expectWorking(storage);
  });

  it.each([
    ['PGAPPNAME', 'pgappname-test', 'application_name', 'pgappname-test'],
    ['PGOPTIONS', '-c geqo=off', 'geqo', 'off'],
  ])('reach the server: %s', async (name, value, setting, expected) => {
    const storage = await withEnvironment({ [name]: value }, () => db.adapter());
    expect(await settingOf(storage, setting)).toBe(expected);
  });

  it.each<[Record<string, string>, string, object]>([
    [{ PGSSLMODE: 'require' }, 'tls_failed', {}],
    [{ PGPORT: '1' }, 'connection_failed', { message: expect.stringContaining('no connection') }],
    [
      { PGTARGETSESSIONATTRS: 'standby' },
      'connection_failed',
      { message: expect.stringContaining('target_session_attrs') },
    ],
  ])('are applied: %j', async (environment, code, expected) => {
    const url = urlWith((to) => {
      if ('PGPORT' in environment) to.port = '';
    });
    const storage = await withEnvironment(environment, () => db.adapter({}, url));
    expect(await expectCode(storage.connect(), code as 'tls_failed')).toMatchObject(expected);
  });

  it('such as PGCONNECT_TIMEOUT limit the wait for a connection, like connect_timeout in the URL', async () => {
    const relay = await Relay.start(db.url);
    relay.hold();
    const makers = [
      () => withEnvironment({ PGCONNECT_TIMEOUT: '1' }, () => db.adapter({}, relay.url)),
      async () => db.adapter({}, `${relay.url}&connect_timeout=1`),
      async () => db.adapter({ connectionTimeoutMillis: 1_000 }, `${relay.url}&connect_timeout=3600`),
    ];
    await Promise.all(
      makers.map(async (make) => {
        const storage = await make();
        const started = performance.now();
        const error = await expectCode(storage.connect(), 'connection_failed');
        expect(performance.now() - started).toBeGreaterThan(950);
        expect(error.cause).toMatchObject({ code: 'ETIMEDOUT' });
      }),
    );
    await relay.close();
  });

  it('with invalid values are rejected by the constructor', () => {
    for (const name of ['PGPORT', 'PGSSLMODE', 'PGTARGETSESSIONATTRS', 'PGCONNECT_TIMEOUT', 'PGOPTIONS']) {
      expect(() => {
        process.env[name] = 'nonsense';
        try {
          db.adapter({}, 'postgres://');
        } finally {
          delete process.env[name];
        }
      }).toThrow(`\`${name}\``);
    }
  });

  it('such as PGPASSFILE name a file of passwords', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'pgpass-'));
    try {
      const { PGPASSWORD, PGHOST, PGPORT, ...rest } = variables();
      const file = join(directory, 'pgpass');
      writeFileSync(file, `*:1:*:*:wrong\n${PGHOST}:${PGPORT}:*:*:${PGPASSWORD}\n`);
      chmodSync(file, 0o600);
      const { stdout } = await runScript(script, { env: { ...rest, PGHOST, PGPORT, PGPASSFILE: file } });
      expect(stdout).toBe('null\n');
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it.each([0o640, 0o604, 0o660])(
    'a .pgpass file with the mode %o is not used, and a warning names it',
    async (mode) => {
      const directory = mkdtempSync(join(tmpdir(), 'pgpass-'));
      try {
        const { PGPASSWORD, ...rest } = variables();
        const file = join(directory, 'pgpass');
        writeFileSync(file, `*:*:*:*:${PGPASSWORD}\n`);
        chmodSync(file, mode);
        const logger = new Collector();
        const storage = await withEnvironment({ ...rest, PGPASSFILE: file }, () =>
          db.adapter({ logger }, 'postgres://'),
        );
        await expectCode(storage.connect(), 'authentication_failed');
        expect(logger.take().filter(({ level }) => level === 'warn')).toEqual([
          { level: 'warn', message: expect.stringContaining('others can read it'), fields: { path: file } },
        ]);
      } finally {
        rmSync(directory, { recursive: true });
      }
    },
  );
});

it('the URL parameters `host`, `port`, `user`, `password` and `dbname` are used for the connection', async () => {
  const { hostname: host, port, username: user, password } = new URL(db.url);
  const given = { host, port, user, password: decodeURIComponent(password), dbname: db.name };
  await expectWorking(db.adapter({}, `postgres:///?${new URLSearchParams(given)}`));
  for (const [name, wrong, code] of [
    ['host', 'nowhere.invalid', 'connection_failed'],
    ['port', '1', 'connection_failed'],
    ['user', 'nobody', 'authentication_failed'],
    ['password', 'wrong', 'authentication_failed'],
    ['dbname', 'nothing', 'connection_failed'],
  ] as const) {
    const url = `postgres:///?${new URLSearchParams({ ...given, [name]: wrong })}`;
    await expectCode(db.adapter({}, url).connect(), code);
  }
});

describe('the start-up options', () => {
  it.each([
    ['-c geqo=off -c work_mem=8MB', 'work_mem', '8MB'],
    ['--work-mem=9MB', 'work_mem', '9MB'],
    [String.raw`-c auth_postgres.text=a\ b\\c`, 'auth_postgres.text', String.raw`a b\c`],
    ['-c statement_timeout=2s', 'statement_timeout', '2s'],
    ['-c search_path=pg_catalog,public', 'search_path', 'pg_catalog,public, pg_temp'],
  ])('%s reach the server, from the option and from the URL', async (options, setting, expected) => {
    expect(await settingOf(db.adapter({ options }), setting)).toBe(expected);
    const url = urlWith((to) => to.searchParams.set('options', options));
    expect(await settingOf(db.adapter({}, url), setting)).toBe(expected);
  });

  it.each([
    ['plan_cache_mode', 'force_generic_plan', 'auto'],
    ['enable_seqscan', 'off', 'on'],
    ['jit', 'off', 'on'],
  ])('override the adapter’s own setting of %s, which is %s', async (setting, ours, given) => {
    expect(await settingOf(db.adapter(), setting)).toBe(ours);
    expect(await settingOf(db.adapter({ options: `-c ${setting}=${given}` }), setting)).toBe(given);
  });

  it.each([
    ['-c geqo=off -c geqo=on', 'geqo', 'on'],
    ['-c statement_timeout=1s --statement-timeout=4s', 'statement_timeout', '4s'],
    ['-c STATEMENT_TIMEOUT=1s -c statement_timeout=4s', 'statement_timeout', '4s'],
  ])('%s: the last value of a setting counts, as in the server', async (options, setting, expected) => {
    expect(await settingOf(db.adapter({ options }), setting)).toBe(expected);
  });

  it('are overridden by an option of the adapter', async () => {
    const storage = db.adapter({ options: '-c statement_timeout=2s', statementTimeoutMs: 3_000 });
    expect(await settingOf(storage, 'statement_timeout')).toBe('3s');
  });

  it.each(['geqo=off', '-c', '-e', '-c statement_timeout=soon'])('%s are rejected by the constructor', (options) => {
    expect(() => db.adapter({ options })).toThrow('`options`');
  });
});

it('`query_timeout` cancels a call, unless the call has a timeoutMs of its own', async () => {
  const storage = db.adapter({ query_timeout: 50 });
  await asSuperuserHere(async (lock) => {
    await lock('BEGIN; LOCK TABLE users');
    await expectCode(storage.getUser('x'), 'cancelled');
    const patient = storage.getUser('x', { timeoutMs: 20_000 });
    await lock('ROLLBACK');
    await expect(patient).resolves.toBeNull();
  });
});

it('`keepAlive` makes the system probe the connection', async () => {
  for (const [keepAlive, timer] of [
    [true, '02'],
    [false, '00'],
  ] as const) {
    const application_name = `keepalive-${keepAlive}`;
    const storage = db.adapter({ keepAlive, application_name });
    await storage.createUser({});
    const [{ client_port: port }] = await sessions(application_name);
    expect(timerOf(port)).toBe(timer);
    await storage.disconnect();
    await until(async () => (await sessions(application_name)).length === 0);
  }
});

describe('the adapter', () => {
  let proxy: Server;
  let server: PostgresServer;

  beforeAll(async () => {
    server = await startPostgres();
    proxy = createServer((client) => {
      const upstream = connectTo(server.port, '127.0.0.1');
      client.pipe(upstream).pipe(client);
      client.on('error', () => upstream.destroy());
      upstream.on('error', () => client.destroy());
    });
    await new Promise<void>((resolve) => proxy.listen(0, '::1', resolve));
  });
  afterAll(async () => {
    await new Promise((resolve) => proxy.close(resolve));
    await server.stop();
  });

  const password = () => decodeURIComponent(new URL(server.url).password);

  it.each<[string, () => [string, object]]>([
    [
      'a Unix socket in the query',
      () => [`postgres://postgres:${password()}@/postgres?host=${server.directory}&port=${server.port}`, {}],
    ],
    [
      'a Unix socket in place of the host',
      () => [`postgres://postgres:${password()}@${encodeURIComponent(server.directory)}:${server.port}/postgres`, {}],
    ],
    ['a Unix socket as `host`', () => [server.url, { host: server.directory }]],
    [
      'an IPv6 address',
      () => [`postgres://postgres:${password()}@[::1]:${(proxy.address() as { port: number }).port}/postgres`, {}],
    ],
    [
      'an IPv6 address as `host`',
      () => [server.url, { host: '::1', port: (proxy.address() as { port: number }).port }],
    ],
    [
      'an IPv6 address with keepAlive',
      () => [server.url, { host: '::1', port: (proxy.address() as { port: number }).port, keepAlive: true }],
    ],
  ])('reaches a server by %s', async (_, given) => {
    const [url, options] = given();
    await expectCode(db.adapter(options, url).getUser('x'), 'schema_mismatch');
  });
});

it('the user and the password in a URL may contain any character when they are percent-encoded', async () => {
  const name = `o'"dd %/@:?#&=+é`;
  const quoted = `"${name.replaceAll('"', '""')}"`;
  await asSuperuser((client) => client.query(`CREATE ROLE ${quoted} LOGIN PASSWORD 'a%:/@?#é+b'`));
  try {
    const url = urlWith((to) => {
      to.username = encodeURIComponent(name);
      to.password = encodeURIComponent('a%:/@?#é+b');
    });
    await db.query(`GRANT SELECT ON users TO ${quoted}`);
    await expectWorking(db.adapter({}, url));
  } finally {
    await db.query(`REVOKE ALL ON users FROM ${quoted}`);
    await asSuperuser((client) => client.query(`DROP ROLE ${quoted}`));
  }
});

it.each<[string, (name: string) => PostgresStorageAdapter | Promise<PostgresStorageAdapter>]>([
  [
    'the path of the URL',
    (name) =>
      db.adapter(
        {},
        urlWith((to) => (to.pathname = `/${encodeURIComponent(name)}`)),
      ),
  ],
  [
    '`dbname` in the URL',
    (name) =>
      db.adapter(
        {},
        urlWith((to) => to.searchParams.set('dbname', name)),
      ),
  ],
  ['the option `database`', (name) => db.adapter({ database: name })],
  [
    'PGDATABASE',
    (name) =>
      withEnvironment({ PGDATABASE: name }, () =>
        db.adapter(
          {},
          urlWith((to) => (to.pathname = '')),
        ),
      ),
  ],
])('the database is the one that %s names, and its name may contain any character', async (_, make) => {
  for (const name of ['Other', `o'"dd %/@:?#&=+é`]) {
    const quoted = `"${name.replaceAll('"', '""')}"`;
    await asSuperuser((client) => client.query(`CREATE DATABASE ${quoted}`));
    try {
      const storage = await make(name);
      await storage.connect();
      const users = `SELECT datname FROM pg_stat_activity WHERE datname = $1`;
      expect(await db.query(users, [name])).toEqual([{ datname: name }]);
      await storage.disconnect();
      await until(async () => (await db.query(users, [name])).length === 0);
    } finally {
      await asSuperuser((client) => client.query(`DROP DATABASE ${quoted}`));
    }
  }
});

/** A server setting in the adapter's own session. */
async function settingOf(storage: PostgresStorageAdapter, setting: string): Promise<string> {
  await db.query(`
    CREATE TABLE IF NOT EXISTS seen (value TEXT);
    CREATE OR REPLACE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN INSERT INTO public.seen VALUES (current_setting('${setting}')); RETURN NEW; END $$;
    DROP TRIGGER IF EXISTS see ON auth_events;
    CREATE TRIGGER see AFTER INSERT ON auth_events FOR EACH ROW EXECUTE FUNCTION public.see()`);
  await storage.emitEvent({ type: 't', principalId: 'p', data: {}, timestamp: new Date() });
  const [row] = await db.query('DELETE FROM seen RETURNING value');
  await db.query('DROP TRIGGER see ON auth_events');
  return row.value;
}

async function withEnvironment<T>(variables: Record<string, string>, work: () => T): Promise<T> {
  Object.assign(process.env, variables);
  try {
    return work();
  } finally {
    for (const name of Object.keys(variables)) delete process.env[name];
  }
}

/**
 * Which timer runs on the TCP connection from a local port to the server: 00 none, 02 keepalive
 * (Linux's Documentation/networking/proc_net_tcp).
 */
function timerOf(port: number): string | undefined {
  const hex = (number: number) => `:${number.toString(16).toUpperCase().padStart(4, '0')}`;
  const lines = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  const server = hex(Number(new URL(db.url).port));
  return lines.find(([, local, remote]) => local?.endsWith(hex(port)) && remote?.endsWith(server))?.[5]?.slice(0, 2);
}

async function asSuperuserHere(work: (run: (sql: string) => Promise<unknown>) => Promise<void>) {
  const { Client } = await import('pg');
  const client = new Client({ connectionString: db.url });
  await client.connect();
  try {
    await work((sql) => client.query(sql));
  } finally {
    await client.end();
  }
}
