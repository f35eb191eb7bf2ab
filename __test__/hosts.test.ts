/** With several hosts, which one is used: a primary, its standby, or hosts that do not answer. */
import { randomUUID } from 'node:crypto';
import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { Client } from 'pg';
import { freePort, type PostgresServer, startPostgres } from '../scripts/test/postgres-server.cjs';
import type { AdapterOptions } from './helpers/database';
import { expectCode } from './helpers/errors';
import { until } from './helpers/failing';
import { Relay } from './helpers/relay';

let primary: PostgresServer;
let standby: PostgresServer;
let silent: Relay;
const address: Record<string, string> = {};

beforeAll(async () => {
  primary = await startPostgres();
  const storage = new PostgresStorageAdapter(primary.url);
  await storage.connect();
  await storage.disconnect();
  await primary.control('stop fast');
  standby = await startPostgres({ standbyOf: primary });
  await primary.control('start');
  silent = await Relay.start(primary.url);
  silent.hold();
  address.primary = `127.0.0.1:${primary.port}`;
  address.standby = `127.0.0.1:${standby.port}`;
  address.closed = `127.0.0.1:${await freePort()}`;
  address.silent = new URL(silent.url).host;
}, 60_000);

afterAll(async () => {
  await silent.close();
  await standby.stop();
  await primary.stop();
});

/** A URL of several hosts, by their names here. */
function urlOf(hosts: string[], parameters: Record<string, string> = {}): string {
  const { username, password } = new URL(primary.url);
  const list = hosts.map((host) => address[host]).join(',');
  return `postgres://${username}:${password}@${list}/postgres?${new URLSearchParams(parameters)}`;
}

async function isConnectedTo(server: PostgresServer, applicationName: string): Promise<boolean> {
  const client = new Client({ connectionString: server.url });
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT 1 FROM pg_stat_activity WHERE application_name = $1', [
      applicationName,
    ]);
    return rowCount !== 0;
  } finally {
    await client.end();
  }
}

/** The server that a read comes to. */
async function reached(url: string, options: AdapterOptions = {}): Promise<string> {
  const application_name = randomUUID();
  const storage = new PostgresStorageAdapter(url, { ...options, application_name });
  try {
    await expect(storage.getUser('x')).resolves.toBeNull();
    for (;;) {
      const [onPrimary, onStandby] = await Promise.all([
        isConnectedTo(primary, application_name),
        isConnectedTo(standby, application_name),
      ]);
      // A server that was asked and did not fit may not have noticed yet that it was left.
      if (onPrimary !== onStandby) return onPrimary ? 'primary' : 'standby';
    }
  } finally {
    await storage.disconnect();
  }
}

it.each([
  ['any', ['standby', 'primary'], 'standby'],
  ['any', ['primary', 'standby'], 'primary'],
  ['read-write', ['standby', 'primary'], 'primary'],
  ['read-only', ['primary', 'standby'], 'standby'],
  ['primary', ['standby', 'primary'], 'primary'],
  ['standby', ['primary', 'standby'], 'standby'],
  ['prefer-standby', ['primary', 'standby'], 'standby'],
  ['prefer-standby', ['primary', 'closed'], 'primary'],
  ['any', ['closed', 'standby'], 'standby'],
  ['read-write', ['closed', 'standby', 'primary'], 'primary'],
])('target_session_attrs=%s among the hosts %j connects to the %s', async (target_session_attrs, hosts, expected) => {
  expect(await reached(urlOf(hosts, { target_session_attrs }))).toBe(expected);
});

it('the first host is used when target_session_attrs is not given', async () => {
  expect(await reached(urlOf(['standby', 'primary']))).toBe('standby');
});

it('hosts are read from the option `host`, and target_session_attrs from PGTARGETSESSIONATTRS', async () => {
  const host = `${address.standby},${address.primary}`;
  process.env.PGTARGETSESSIONATTRS = 'read-write';
  try {
    expect(await reached(primary.url, { host })).toBe('primary');
  } finally {
    delete process.env.PGTARGETSESSIONATTRS;
  }
  expect(await reached(urlOf(['primary']), { host })).toBe('standby');
});

it('a primary that is read-only by default does not count as read-write', async () => {
  const client = new Client({ connectionString: primary.url });
  await client.connect();
  const { username } = new URL(primary.url);
  await client.query(`ALTER ROLE ${username} SET default_transaction_read_only = on`);
  try {
    await expectRefused(urlOf(['primary'], { target_session_attrs: 'read-write' }));
    expect(await reached(urlOf(['primary'], { target_session_attrs: 'primary' }))).toBe('primary');
    expect(await reached(urlOf(['primary'], { target_session_attrs: 'read-only' }))).toBe('primary');
  } finally {
    await client.query('SET default_transaction_read_only = off');
    await client.query(`ALTER ROLE ${username} RESET default_transaction_read_only`);
    await client.end();
  }
});

async function expectRefused(url: string, options: AdapterOptions = {}) {
  const storage = new PostgresStorageAdapter(url, options);
  try {
    const error = await expectCode(storage.connect(), 'connection_failed');
    expect(error.retryable).toBe(true);
    return error;
  } finally {
    await storage.disconnect();
  }
}

it('connect() names target_session_attrs when no host fits', async () => {
  const error = await expectRefused(urlOf(['standby'], { target_session_attrs: 'read-write' }));
  expect(error.message).toContain('target_session_attrs');
});

it('connect() gives as the cause why a host could not be reached when no other host fits', async () => {
  const error = await expectRefused(urlOf(['standby', 'closed'], { target_session_attrs: 'read-write' }));
  expect(error.cause).toMatchObject({ code: 'ECONNREFUSED' });
});

it.each(['read-write', 'primary'])(
  'target_session_attrs=%s connects to the host first that accepted writes before',
  async (target_session_attrs) => {
    const relay = await Relay.start(standby.url);
    const { username, password } = new URL(primary.url);
    const url = `postgres://${username}:${password}@${new URL(relay.url).host},${address.primary}/postgres`;
    const storage = new PostgresStorageAdapter(`${url}?target_session_attrs=${target_session_attrs}`, { maxUses: 1 });
    try {
      // Each call has a connection of its own.
      for (let call = 0; call < 5; call += 1) await expect(storage.getUser('x')).resolves.toBeNull();
      expect(relay.connections).toBe(1);
    } finally {
      await storage.disconnect();
      await relay.close();
    }
  },
);

it('a silent host leaves enough of connectionTimeoutMillis for the next host', async () => {
  expect(await reached(urlOf(['silent', 'primary']), { connectionTimeoutMillis: 2_000 })).toBe('primary');
});

describe.each(['query_timeout', 'timeoutMs'])(
  'a silent first host is left by calls whose %s is below connectionTimeoutMillis',
  (limit) => {
    it.each([
      ['silent from the beginning', 'read-write', 5, 1],
      ['silent from the beginning', 'any', 1, 64],
      ['silent after it has taken writes', 'read-write', 1, 1],
      ['silent after it has taken writes', 'read-write', 10, 64],
    ])(
      '%s, %s, max %i, %i calls at a time',
      async (when, target_session_attrs, max, n) => {
        const first = await Relay.start(primary.url);
        const { username, password } = new URL(primary.url);
        const url = `postgres://${username}:${password}@${new URL(first.url).host},${address.primary}/postgres`;
        const storage = new PostgresStorageAdapter(
          `${url}?${new URLSearchParams({ target_session_attrs, sslmode: 'disable' })}`,
          {
            max,
            ...(limit === 'query_timeout' ? { query_timeout: 1_000 } : {}),
          },
        );
        const options = limit === 'timeoutMs' ? { timeoutMs: 1_000 } : {};
        const outcomes = () => {
          const calls = Array.from({ length: n }, (_, at) =>
            at % 2 ? storage.getUser('x', options) : storage.listUsers(options),
          );
          return Promise.all(
            calls.map((call) =>
              call.then(
                () => 'done',
                (error) => error.code,
              ),
            ),
          );
        };
        try {
          // As many connections as there may be.
          const fill = () =>
            Promise.all(
              Array.from({ length: max }, () => storage.transaction((tx) => tx.getUser('x'), { timeoutMs: 20_000 })),
            );
          if (when === 'silent after it has taken writes') await fill();
          first.hold();
          const started = performance.now();
          while ((await outcomes()).some((outcome) => outcome !== 'done')) {
            expect(performance.now() - started).toBeLessThan(10_000);
          }
          // Nor is it tried first again at once.
          const before = first.connections;
          await fill();
          expect(first.connections).toBe(before);
        } finally {
          await storage.disconnect();
          await first.close();
        }
      },
      60_000,
    );
  },
);

it('a host that was silent is tried again after a while', async () => {
  const first = await Relay.start(primary.url);
  const { username, password } = new URL(primary.url);
  const url = `postgres://${username}:${password}@${new URL(first.url).host},${address.standby}/postgres?sslmode=disable`;
  // Each call has a connection of its own.
  const storage = new PostgresStorageAdapter(url, { maxUses: 1, connectionTimeoutMillis: 2_000 });
  try {
    first.hold();
    await storage.getUser('x');
    await first.heal();
    first.reset();
    await until(async () => {
      await storage.getUser('x');
      return first.connections > 0;
    });
  } finally {
    await storage.disconnect();
    await first.close();
  }
});

it('a wrong password is not tried at the next host', async () => {
  const storage = new PostgresStorageAdapter(urlOf(['primary', 'standby']), { password: 'hunter2' });
  await expectCode(storage.connect(), 'authentication_failed');
  await storage.disconnect();
});

it.each(['', ',', 'a b', 'a,,b'])('the constructor rejects the list of hosts %j', (host) => {
  expect(() => new PostgresStorageAdapter('postgres://', { host })).toThrow('`host`');
});

it('the constructor rejects a target_session_attrs that libpq does not know', () => {
  expect(() => new PostgresStorageAdapter('postgres://h/?target_session_attrs=hunter2')).toThrow('read-write');
});
