/** Several hosts: which of a primary, its standby and hosts that do not answer is taken. */
import { randomUUID } from 'node:crypto';
import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { Client } from 'pg';
import { freePort, type PostgresServer, startPostgres } from '../scripts/test/postgres-server.cjs';
import type { AdapterOptions } from './helpers/database';
import { expectCode } from './helpers/errors';
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
])('target_session_attrs=%s among %j is the %s', async (target_session_attrs, hosts, expected) => {
  expect(await reached(urlOf(hosts, { target_session_attrs }))).toBe(expected);
});

it('takes the first host when nothing is asked for', async () => {
  expect(await reached(urlOf(['standby', 'primary']))).toBe('standby');
});

it('takes hosts as an option and from PGTARGETSESSIONATTRS', async () => {
  const host = `${address.standby},${address.primary}`;
  process.env.PGTARGETSESSIONATTRS = 'read-write';
  try {
    expect(await reached(primary.url, { host })).toBe('primary');
  } finally {
    delete process.env.PGTARGETSESSIONATTRS;
  }
  expect(await reached(urlOf(['primary']), { host })).toBe('standby');
});

it('asks again for a server that is read-only by default', async () => {
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

it('says that no host fits', async () => {
  const error = await expectRefused(urlOf(['standby'], { target_session_attrs: 'read-write' }));
  expect(error.message).toContain('target_session_attrs');
});

it('says why the host that might have fitted could not be reached', async () => {
  const error = await expectRefused(urlOf(['standby', 'closed'], { target_session_attrs: 'read-write' }));
  expect(error.cause).toMatchObject({ code: 'ECONNREFUSED' });
});

it.each(['read-write', 'primary'])('asks the host that took writes first, with %s', async (target_session_attrs) => {
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
});

it('leaves the next host its time when one is silent', async () => {
  expect(await reached(urlOf(['silent', 'primary']), { connectionTimeoutMillis: 2_000 })).toBe('primary');
});

it('tries no other host with a password that was wrong', async () => {
  const storage = new PostgresStorageAdapter(urlOf(['primary', 'standby']), { password: 'hunter2' });
  await expectCode(storage.connect(), 'authentication_failed');
  await storage.disconnect();
});

it.each(['', ',', 'a b', 'a,,b'])('refuses a list of hosts such as %j', (host) => {
  expect(() => new PostgresStorageAdapter('postgres://', { host })).toThrow('`host`');
});

it('refuses target_session_attrs that libpq does not know', () => {
  expect(() => new PostgresStorageAdapter('postgres://h/?target_session_attrs=hunter2')).toThrow('read-write');
});
