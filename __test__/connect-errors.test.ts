/** `connect()` says at once what is wrong, and `healthCheck()` reports the same without rejecting. */
import { createServer } from 'node:net';
import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { asSuperuser, useDatabase } from './helpers/database';
import { expectCode, rejection } from './helpers/errors';
import { backendsOf, until, whileLocked } from './helpers/failing';
import { Relay } from './helpers/relay';

const db = useDatabase();
const PASSWORD = 'hunter2';

/** The database's URL with something changed. */
function urlWith(change: (url: URL) => void): string {
  const url = new URL(db.url);
  change(url);
  return url.href;
}

const cases: [string, () => string, string, Record<string, unknown>, Record<string, unknown>][] = [
  [
    'a closed port',
    () =>
      urlWith((url) => {
        url.port = '1';
      }),
    'connection_failed',
    { host: '127.0.0.1', port: 1 },
    { code: 'ECONNREFUSED' },
  ],
  [
    'a wrong password',
    () =>
      urlWith((url) => {
        url.password = PASSWORD;
      }),
    'authentication_failed',
    { sqlState: '28P01' },
    { severity: 'FATAL' },
  ],
  [
    'an unknown user',
    () =>
      urlWith((url) => {
        url.username = 'nobody';
        url.password = PASSWORD;
      }),
    'authentication_failed',
    { sqlState: '28P01' },
    {},
  ],
  [
    'an unknown database',
    () =>
      urlWith((url) => {
        url.pathname = '/nowhere';
      }),
    'connection_failed',
    { sqlState: '3D000' },
    { message: expect.stringContaining('nowhere') },
  ],
  [
    'a server without TLS',
    () =>
      urlWith((url) => {
        url.searchParams.set('sslmode', 'require');
      }),
    'tls_failed',
    {},
    {},
  ],
  [
    'an unknown host',
    () =>
      urlWith((url) => {
        url.hostname = 'nowhere.invalid';
      }),
    'connection_failed',
    { host: 'nowhere.invalid' },
    { code: expect.stringMatching(/^(ENOTFOUND|EAI_AGAIN)$/) },
  ],
];

describe.each(cases)('connecting with %s', (_, url, code, context, cause) => {
  it('fails with an error that names host and port, has the reason as its cause, and contains no password', async () => {
    const storage = new PostgresStorageAdapter(url(), { connectionTimeoutMillis: 60_000 });
    const error = await expectCode(storage.connect(), code as 'connection_failed', {
      operation: 'connect',
      ...context,
    });
    expect(error.cause).toBeInstanceOf(Error);
    expect(error.cause).toMatchObject(cause);
    const { hostname, port } = new URL(url());
    expect(error.message).toContain(`(${hostname}:${port})`);
    expect(error.context).toMatchObject({ host: hostname, port: Number(port) });
    const text = [JSON.stringify(error), error.stack, error.cause?.stack, JSON.stringify(error.cause)].join();
    expect(text).not.toContain(PASSWORD);
    expect(text).not.toContain(decodeURIComponent(new URL(db.url).password));
    await expect(storage.healthCheck()).resolves.toMatchObject({ status: 'error', code: `auth_postgres/${code}` });
    await storage.disconnect();
  });
});

it('connect() gives up on a silent server after connectionTimeoutMillis', async () => {
  const relay = await Relay.start(db.url);
  relay.hold();
  const storage = new PostgresStorageAdapter(relay.url, { connectionTimeoutMillis: 100 });
  try {
    const error = await expectCode(storage.connect(), 'connection_failed');
    expect(error.cause).toMatchObject({ code: 'ETIMEDOUT' });
    expect(error.message).toContain(new URL(relay.url).host);
    expect(error.retryable).toBe(true);
  } finally {
    await storage.disconnect();
    await relay.close();
  }
});

it('connect() names the file of a Unix socket that does not exist', async () => {
  const storage = db.adapter({ host: '/nowhere', port: 5 });
  const error = await expectCode(storage.connect(), 'connection_failed', { host: '/nowhere', port: 5 });
  expect(error.message).toContain('(/nowhere/.s.PGSQL.5)');
  expect(error.cause).toMatchObject({ code: 'ENOENT' });
});

it('connect() writes an IPv6 address in brackets in its message', async () => {
  const error = await expectCode(db.adapter({ host: '::1', port: 1 }).connect(), 'connection_failed');
  expect(error.message).toContain('([::1]:1)');
});

/** A server that answers each start-up message with an error of this SQLSTATE, as a pooler does. */
async function refusing(sqlState: string, work: (url: string) => Promise<void>) {
  const text = `SFATAL\0VFATAL\0C${sqlState}\0MFeature not supported\0\0`;
  const message = Buffer.alloc(5 + text.length);
  message.write('E');
  message.writeInt32BE(4 + text.length, 1);
  message.write(text, 5);
  const server = createServer((socket) => socket.on('error', () => undefined).once('data', () => socket.end(message)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await work(`postgres://u:p@127.0.0.1:${(server.address() as { port: number }).port}/d`);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

// The SQLSTATEs of PgBouncer and of RDS Proxy.
it.each(['08P01', '0A000'])('connect() suggests `pooler` when options are refused with %s', async (sqlState) => {
  await refusing(sqlState, async (url) => {
    const error = await expectCode(db.adapter({}, url).connect(), 'connection_failed', { sqlState });
    expect(error.message).toContain("pooler: 'transaction'");
  });
});

it.each([
  // What may be different in a moment.
  ['53300', 'resource_exhausted', true],
  ['57P01', 'connection_failed', true],
  ['57P02', 'connection_failed', true],
  ['57P03', 'connection_failed', true],
  ['57P05', 'connection_failed', true],
  // What stays as it is.
  ['28000', 'authentication_failed', false],
  ['28P01', 'authentication_failed', false],
  ['3D000', 'connection_failed', false],
  ['55000', 'connection_failed', false],
  ['42501', 'permission_denied', false],
] as const)(
  'connect() rejects a server’s refusal %s with the code %s, retryable: %s',
  async (sqlState, code, retryable) => {
    await refusing(sqlState, async (url) => {
      const error = await expectCode(db.adapter({}, url).connect(), code, { sqlState });
      expect(error.retryable).toBe(retryable);
      await expectCode(db.adapter({ maxRetries: 1 }, url).getUser('x'), code, { attempts: retryable ? 2 : 1 });
    });
  },
);

it('a call is rejected with pool_timeout when all connections are in use', async () => {
  const application_name = 'connect-errors-full';
  const storage = db.adapter({ application_name, max: 1, connectionTimeoutMillis: 3_000, statementTimeoutMs: 0 });
  const { id } = await db.storage.createUser({});
  await whileLocked(db, 'SELECT 1 FROM users WHERE id = $1 FOR UPDATE', [id], async (release) => {
    const held = storage.updateUser(id, { name: 'a' });
    await until(async () => (await backendsOf(db, application_name, { waiting: true })).length === 1);
    const error = await expectCode(storage.listRoles('any'), 'pool_timeout');
    expect(error.retryable).toBe(true);
    await release();
    await expect(held).resolves.toMatchObject({ name: 'a' });
  });
});

it('connect() is rejected with resource_exhausted when the role has no connection left', async () => {
  await asSuperuser((client) => client.query('CREATE ROLE lonely LOGIN CONNECTION LIMIT 0'));
  try {
    await asSuperuser((client) => client.query(`ALTER ROLE lonely PASSWORD '${PASSWORD}'`));
    const storage = new PostgresStorageAdapter(db.url, { user: 'lonely', password: PASSWORD });
    const error = await expectCode(storage.connect(), 'resource_exhausted', { sqlState: '53300' });
    expect(error.retryable).toBe(true);
    await storage.disconnect();
  } finally {
    await asSuperuser((client) => client.query('DROP ROLE lonely'));
  }
});

it('a call reports the same reason as connect(), with its own name as the operation', async () => {
  const storage = new PostgresStorageAdapter(db.url, { password: PASSWORD });
  const error = await rejection(storage.getUser('x'));
  expect(error).toMatchObject({ code: 'auth_postgres/authentication_failed', context: { operation: 'getUser' } });
  await storage.disconnect();
});
