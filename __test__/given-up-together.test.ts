/** Many calls that are given up at once, over a network that takes its time: the server is told of all of them. */
import { randomUUID } from 'node:crypto';
import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { Client } from 'pg';
import { type PostgresServer, startPostgres } from '../scripts/test/postgres-server.cjs';
import type { AdapterOptions } from './helpers/database';
import { timeOf, until } from './helpers/failing';
import { TcpProxy } from './helpers/proxy';

const ONE_WAY_MS = 50;
let server: PostgresServer;
let direct: PostgresStorageAdapter;
let admin: Client;
let proxy: TcpProxy;
/** The application_name of the test's adapter. */
let name: string;

beforeAll(async () => {
  server = await startPostgres();
  direct = new PostgresStorageAdapter(server.url);
  await direct.connect();
  admin = await client();
  proxy = await TcpProxy.start(server.url);
}, 60_000);

beforeEach(() => {
  name = randomUUID();
});
afterEach(() => proxy.heal());
afterAll(async () => {
  await proxy.close();
  await direct.disconnect();
  await admin.end();
  await server.stop();
});

async function client(): Promise<Client> {
  const made = new Client({ connectionString: server.url });
  await made.connect();
  return made;
}

const adapter = (options: AdapterOptions) =>
  new PostgresStorageAdapter(proxy.url, { application_name: name, statementTimeoutMs: 60_000, ...options });

async function count(condition = 'true'): Promise<number> {
  const sql = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = $1 AND ${condition}`;
  return (await admin.query(sql, [name])).rows[0].n;
}
const isQuiet = async () => (await count(`state = 'active'`)) === 0;

/** Updates of users whose rows somebody else has locked, until the work has ended. */
async function whileWaiting(
  storage: PostgresStorageAdapter,
  n: number,
  options: (at: number) => { signal?: AbortSignal; timeoutMs?: number },
  work: (calls: Promise<string>[]) => Promise<void>,
): Promise<void> {
  const users = await Promise.all(Array.from({ length: n }, () => direct.createUser({ name: 'before' })));
  const ids = users.map(({ id }) => id);
  const locker = await client();
  // Most connections are opened first.
  await Promise.all(ids.map(() => storage.listUsers()));
  try {
    await locker.query('BEGIN');
    await locker.query('SELECT FROM users WHERE id = ANY($1) FOR UPDATE', [ids]);
    // Two kinds of calls, each of which may have three quarters of the pool.
    const calls = users.map(({ id }, at) =>
      (at % 2 ? storage.updateUser(id, { name: 'after' }, options(at)) : storage.deleteUser(id, options(at))).then(
        () => 'done',
        (error) => error.code,
      ),
    );
    await until(async () => (await count(`wait_event_type = 'Lock'`)) === n);
    await work(calls);
  } finally {
    await locker.end();
  }
  await until(isQuiet);
  const { rows } = await admin.query(`SELECT FROM users WHERE id = ANY($1) AND name = 'before'`, [ids]);
  expect(rows).toHaveLength(n);
}

/** The most connections that there are until the server runs none of the statements any more. */
async function mostUntilQuiet(limitMs: number): Promise<number> {
  const started = performance.now();
  let most = 0;
  do {
    most = Math.max(most, await count());
    expect(performance.now() - started).toBeLessThan(limitMs);
  } while (!(await isQuiet()));
  return most;
}

describe.each([64, 256])('%i statements end on the server, with one connection more', (n) => {
  it.each(['by a signal', 'by timeoutMs', 'by disconnect()'])(
    '%s',
    async (way) => {
      const storage = adapter({ max: n });
      const abort = new AbortController();
      const timeoutMs = 2_000 + 20 * n;
      const options = { 'by a signal': { signal: abort.signal }, 'by timeoutMs': { timeoutMs } }[way] ?? {};
      await whileWaiting(
        storage,
        n,
        () => options,
        async (calls) => {
          proxy.delay(ONE_WAY_MS);
          if (way === 'by a signal') abort.abort();
          const closing = way === 'by disconnect()' ? timeOf(storage.disconnect({ timeoutMs: 100 })) : undefined;
          expect(new Set(await Promise.all(calls))).toEqual(new Set(['auth_postgres/cancelled']));
          expect(await mostUntilQuiet(5_000)).toBeLessThanOrEqual(n + 1);
          expect((await closing) ?? 0).toBeLessThan(3_000);
        },
      );
      await storage.disconnect();
      // Hundreds of connections are opened, which takes a while on a busy machine.
    },
    120_000,
  );
});

it('calls that are given up again and again do not make more connections', async () => {
  const max = 32;
  const storage = adapter({ max, maxRetries: 0 });
  proxy.delay(ONE_WAY_MS);
  const locker = await client();
  await locker.query('BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE');
  const end = performance.now() + 8_000;
  const calls = Array.from({ length: max }, async (_, at) => {
    const call =
      at % 2 ? () => storage.listUsers({ timeoutMs: 1_500 }) : () => storage.deleteUser('x', { timeoutMs: 1_500 });
    while (performance.now() < end) await call().catch(() => undefined);
  });
  let most = 0;
  while (performance.now() < end) most = Math.max(most, await count());
  await locker.end();
  await Promise.all(calls);
  expect(most).toBeGreaterThanOrEqual(max / 2);
  expect(most).toBeLessThanOrEqual(max + 1);
  await storage.disconnect();
});

it.each(['by a signal', 'by disconnect()'])(
  'a password function that takes long does not keep statements running: %s',
  async (way) => {
    let isSlow = false;
    const { password } = new URL(server.url);
    const storage = adapter({
      max: 8,
      password: async () => {
        if (isSlow) await new Promise((resolve) => setTimeout(resolve, 3_000));
        return password;
      },
    });
    const abort = new AbortController();
    await whileWaiting(
      storage,
      8,
      () => ({ signal: abort.signal }),
      async (calls) => {
        isSlow = true;
        if (way === 'by a signal') abort.abort();
        else await storage.disconnect({ timeoutMs: 0 });
        await Promise.all(calls);
        expect(await mostUntilQuiet(6_000)).toBeLessThanOrEqual(8 + 1);
      },
    );
    await storage.disconnect();
  },
);
