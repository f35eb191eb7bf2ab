/** Connection URLs as hosted databases and other drivers write them. */
import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { useDatabase } from './helpers/database';
import { until } from './helpers/failing';
import { runScript } from './helpers/process';
import { Relay } from './helpers/relay';

const db = useDatabase();

/** A logger that keeps its warnings. */
function warnings() {
  const lines: string[] = [];
  const ignore = () => undefined;
  return { lines, debug: ignore, info: ignore, warn: (line: string) => lines.push(line), error: ignore };
}

const withParameters = (parameters: string, url = db.url) => `${url}${url.includes('?') ? '&' : '?'}${parameters}`;

/** The error that the constructor throws. */
function refusal(url: string): Error & { code: string; context: object } {
  try {
    new PostgresStorageAdapter(url);
  } catch (error) {
    return error as Error & { code: string; context: object };
  }
  throw new Error(`${url} was accepted`);
}

describe('the URL parameter', () => {
  let relay: Relay;
  beforeAll(async () => {
    relay = await Relay.start(db.url);
  });
  afterAll(() => relay.close());

  it('pgbouncer=true sets `pooler` to "transaction", unless the option is given', async () => {
    const url = withParameters('pgbouncer=true', relay.url);
    await db.adapter({}, url).getUser('x');
    expect(relay.statements[0]).toMatch(/^BEGIN\b/);
    relay.reset();
    await db.adapter({ pooler: 'none' }, url).getUser('x');
    expect(relay.statements.join()).not.toContain('BEGIN');
  });

  it('connection_limit sets `max`, unless the option is given', async () => {
    for (const [options, expected] of [
      [{}, 2],
      [{ max: 3 }, 3],
    ] as const) {
      const application_name = `limit-${expected}`;
      const storage = db.adapter({ ...options, application_name }, withParameters('connection_limit=2'));
      await Promise.all(Array.from({ length: 20 }, (_, at) => storage.listRoles(String(at))));
      const opened = await db.query('SELECT FROM pg_stat_activity WHERE application_name = $1', [application_name]);
      expect(opened).toHaveLength(expected);
    }
  });

  it('pool_timeout limits the wait for a connection, in seconds', async () => {
    const silent = await Relay.start(db.url);
    silent.hold();
    const started = performance.now();
    await expect(
      db.adapter({}, withParameters('pool_timeout=1&connect_timeout=60', silent.url)).connect(),
    ).rejects.toMatchObject({ code: 'auth_postgres/connection_failed' });
    expect(performance.now() - started).toBeLessThan(10_000);
    await silent.close();
  });

  it('schema sets the schema', async () => {
    await db.adapter({}, withParameters('schema=from_url')).connect();
    expect(await db.query("SELECT to_regclass('from_url.users')::text AS name")).toEqual([{ name: 'from_url.users' }]);
  });

  it('max_idle_connection_lifetime closes idle connections, in seconds', async () => {
    const application_name = 'idle-by-url';
    const url = withParameters('max_idle_connection_lifetime=1');
    await db.adapter({ application_name }, url).getUser('x');
    await until(
      async () =>
        (await db.query('SELECT FROM pg_stat_activity WHERE application_name = $1', [application_name])).length === 0,
    );
  });

  it('fallback_application_name is used if there is no application_name', async () => {
    for (const [parameters, name] of [
      ['fallback_application_name=fallback', 'fallback'],
      ['fallback_application_name=fallback&application_name=first', 'first'],
    ] as const) {
      await db.adapter({}, withParameters(parameters)).getUser('x');
      expect(await db.query('SELECT FROM pg_stat_activity WHERE application_name = $1', [name])).toHaveLength(1);
    }
  });

  it.each(['endpoint=ep-cool-1', 'project=cool-1'])('options=%s is passed on to a proxy unchanged', async (routing) => {
    relay.reset();
    const url = withParameters(`options=${encodeURIComponent(`${routing} -c geqo=off`)}`, relay.url);
    // PostgreSQL itself does not know this word.
    await expect(db.adapter({}, url).connect()).rejects.toThrow();
    const start = relay.messages.find(({ type }) => type === 'StartupMessage')?.bytes.toString() ?? '';
    // Words are separated by tabs and spaces, unless a backslash precedes them.
    expect(start.split(/(?<!\\)\s|\0/)).toEqual(expect.arrayContaining([routing, 'geqo=off']));
  });
});

it.each([
  'supa=base-pooler.x',
  'workaround=supabase-pooler.vercel',
  'keepalives=1&keepalives_idle=30&keepalives_interval=10&keepalives_count=3',
  'gssencmode=disable&sslnegotiation=postgres&client_encoding=UTF8&load_balance_hosts=disable',
  'statement_cache_size=0&socket_timeout=30&single_use_connections=true',
])('the URL parameters %s are ignored with one warning', async (parameters) => {
  const logger = warnings();
  const storage = db.adapter({ logger }, withParameters(parameters));
  await expect(storage.getUser('x')).resolves.toBeNull();
  expect(logger.lines).toHaveLength(1);
  for (const pair of parameters.split('&').slice(1)) expect(logger.lines[0]).toContain(pair.split('=')[0]);
});

it('URL parameters with an effect cause no warning', async () => {
  const logger = warnings();
  const url = withParameters('connection_limit=2&pool_timeout=20&schema=public&channel_binding=prefer');
  await db.adapter({ logger }, url).getUser('x');
  expect(logger.lines).toEqual([]);
});

describe('channel_binding=require', () => {
  it.each(['require', 'verify-full'])('is accepted with sslmode=%s, which verifies the certificate', (sslmode) => {
    const url = `postgres://u:p@ep-a.neon.tech/d?sslmode=${sslmode}&channel_binding=require`;
    expect(() => new PostgresStorageAdapter(url)).not.toThrow();
  });

  it.each(['', '&sslmode=disable', '&sslmode=no-verify', '&sslmode=require&uselibpqcompat=true'])(
    'is rejected with "%s", which does not verify the certificate',
    (rest) => {
      const error = refusal(`postgres://u:p@h/d?channel_binding=require${rest}`);
      expect(error).toMatchObject({ code: 'auth_postgres/invalid_input', context: { field: 'connectionString' } });
      expect(error.message).toMatch(/channel_binding.*sslmode=verify-full/);
    },
  );

  it('is rejected in PGCHANNELBINDING, too', () => {
    process.env.PGCHANNELBINDING = 'require';
    try {
      expect(refusal('postgres://u:p@h/d').message).toContain('`PGCHANNELBINDING`');
    } finally {
      delete process.env.PGCHANNELBINDING;
    }
  });
});

it.each([
  ['gssencmode=require', 'sslmode=verify-full'],
  ['sslcrl=/f', 'revoked'],
  ['require_auth=scram-sha-256', 'pg_hba.conf'],
  ['ssl_min_protocol_version=TLSv1.3', 'TLS 1.2'],
  ['sslpassword=secret', 'ssl.passphrase'],
  ['sslaccept=strict', 'sslmode=verify-full'],
  ['hostaddr=127.0.0.1', '`host`'],
  ['max=5', 'second argument'],
  ['anything=5', 'known are'],
  ['pgbouncer=maybe', 'true nor false'],
  ['connection_limit=many', 'whole number'],
])('the URL parameter %s is rejected by name, with an alternative', (parameter, wayOut) => {
  const { code, context, message } = refusal(`postgres://u:p@h/d?${parameter}`) as never as Record<string, string>;
  expect({ code, context }).toMatchObject({
    code: 'auth_postgres/invalid_input',
    context: { field: 'connectionString' },
  });
  expect(message).toContain((parameter as string).split('=')[0]);
  expect(message).toContain(wayOut);
});

it('a URL surrounded by white space, as a line of a file may be, is accepted', async () => {
  await expect(db.adapter({}, ` ${db.url}\r\n`).getUser('x')).resolves.toBeNull();
});

it.each([
  ['postgres://u:hunter2/hunter3@h/d', 'a slash'],
  ['postgres://u:1/hunter2@h/d', 'a slash behind digits'],
  ['postgres://u:hunter2?hunter3@h/d', 'a question mark'],
  ['postgres://u:hunter2#hunter3@h/d', 'a hash'],
  ['postgres://u:a@hunter2/b@h/d', 'an at and a slash'],
])('a URL that its password breaks (%#) is rejected with advice to encode it, and no part of it is revealed', (url) => {
  const { message } = refusal(url);
  expect(message).toContain('%40');
  expect(message).not.toContain('hunter');
});

describe('an empty connection string', () => {
  const script = (options: object) => `
    import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
    try {
      const storage = new PostgresStorageAdapter('', ${JSON.stringify(options)});
      console.log(await storage.getUser('x'));
      await storage.disconnect();
    } catch (error) { console.log(error.code); }`;

  it('takes everything from environment variables, or from the options', async () => {
    const { hostname, port, username, password } = new URL(db.url);
    const PGPASSWORD = decodeURIComponent(password);
    const env = { PGHOST: hostname, PGPORT: port, PGUSER: username, PGDATABASE: db.name, PGPASSWORD };
    expect((await runScript(script({}), { env })).stdout).toBe('null\n');
    const options = { host: hostname, port: Number(port), user: username, database: db.name, password: PGPASSWORD };
    expect((await runScript(script(options))).stdout).toBe('null\n');
  });

  it('is rejected without either', async () => {
    expect((await runScript(script({}))).stdout).toBe('auth_postgres/invalid_input\n');
  });
});
