/** No call outlives its time limits, whatever the server or the network does. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { Client } from 'pg';
import type { PostgresServer } from '../scripts/test/postgres-server.cjs';
import { startPostgres } from '../scripts/test/postgres-server.cjs';
import { useDatabase } from './helpers/database';
import { expectCode } from './helpers/errors';
import { backendsOf, timeOf, until, whileLocked } from './helpers/failing';
import { userInput } from './helpers/fixtures';
import { Relay } from './helpers/relay';

const db = useDatabase();
const NAME = 'deadlines-test';
let relay: Relay;

beforeAll(async () => {
  relay = await Relay.start(db.url);
});
afterAll(() => relay.close());

const LIMITS = { connectionTimeoutMillis: 1_000, statementTimeoutMs: 500, maxRetries: 1 };
const adapter = (options = {}) => db.adapter({ application_name: NAME, ...LIMITS, ...options }, relay.url);

/** Calls succeed again, sooner or later: the backlog has to pass first. */
const heals = (storage: PostgresStorageAdapter) =>
  until(async () => (await storage.getUser('x', { timeoutMs: 5_000 }).catch(() => 'failed')) === null);

describe('when the network stops answering', () => {
  afterEach(() => relay.release());

  it('a write ends with connection_failed and an unknown outcome', async () => {
    const storage = adapter();
    await storage.createUser(userInput());
    const { id } = await storage.createUser(userInput());
    relay.hold();
    const error = await expectCode(storage.updateUser(id, { name: 'x' }), 'connection_failed', {
      outcome: 'unknown',
      attempts: 1,
    });
    expect(error.retryable).toBe(false);
    expect(error.cause).toMatchObject({ code: 'ETIMEDOUT' });
    relay.release();
    await heals(storage);
    await storage.disconnect();
  });

  it('a read is tried again on a new connection, within the same time limit', async () => {
    const storage = adapter();
    await storage.getUser('x');
    relay.hold();
    const took = await timeOf(expectCode(storage.getUser('x'), 'connection_failed', { attempts: 2 }));
    // 1.5 s for the first attempt, a second for the other's connection; the rest is the machine's.
    expect(took).toBeLessThan(15_000);
    relay.release();
    await heals(storage);
    await storage.disconnect();
  });

  it('a call ends with connection_failed when its connection is never established', async () => {
    const storage = adapter({ statementTimeoutMs: 0 });
    relay.hold();
    const error = await expectCode(storage.createUser(userInput()), 'connection_failed');
    expect(error.context).not.toHaveProperty('outcome');
    expect(error.retryable).toBe(true);
    relay.release();
    await heals(storage);
    await storage.disconnect();
  });

  it('timeoutMs ends a call that has no other time limit', async () => {
    const storage = adapter({ connectionTimeoutMillis: 0, statementTimeoutMs: 0 });
    const { id } = await storage.createUser(userInput());
    relay.hold();
    await expectCode(storage.updateUser(id, { name: 'x' }, { timeoutMs: 500 }), 'cancelled', { outcome: 'unknown' });
    await expectCode(storage.getUser(id, { timeoutMs: 500 }), 'cancelled');
    relay.release();
    await heals(storage);
    await storage.disconnect();
  });
});

describe('when another transaction holds a lock', () => {
  it('an update ends with statement_timeout, changes nothing, and is retryable', async () => {
    const storage = adapter();
    const { id } = await storage.createUser(userInput({ name: 'before' }));
    await whileLocked(db, 'SELECT 1 FROM users WHERE id = $1 FOR UPDATE', [id], async () => {
      const error = await expectCode(storage.updateUser(id, { name: 'x' }), 'statement_timeout', { sqlState: '57014' });
      expect(error.retryable).toBe(true);
      expect(error.context).not.toHaveProperty('outcome');
    });
    await expect(storage.getUser(id)).resolves.toMatchObject({ name: 'before' });
    await storage.disconnect();
  });

  it('calls wait without end when connectionTimeoutMillis and statementTimeoutMs are 0', async () => {
    const storage = adapter({ connectionTimeoutMillis: 0, statementTimeoutMs: 0, max: 1 });
    const { id } = await storage.createUser(userInput());
    await whileLocked(db, 'SELECT 1 FROM users WHERE id = $1 FOR UPDATE', [id], async (release) => {
      const update = storage.updateUser(id, { name: 'late' });
      const behind = storage.getUser(id);
      await until(async () => (await backendsOf(db, NAME, { waiting: true })).length > 0);
      await sleep(1_500);
      await release();
      await expect(update).resolves.toMatchObject({ name: 'late' });
      await expect(behind).resolves.toMatchObject({ id });
    });
    await storage.disconnect();
  });

  it('calls that wait for a connection end with pool_timeout, batched ones too, and leave the queue', async () => {
    const storage = adapter({ max: 1, statementTimeoutMs: 0 });
    const { id } = await storage.createUser(userInput());
    await whileLocked(db, 'SELECT 1 FROM users WHERE id = $1 FOR UPDATE', [id], async (release) => {
      const update = storage.updateUser(id, { name: 'late' });
      await until(async () => (await backendsOf(db, NAME, { waiting: true })).length > 0);
      const waiting = Array.from({ length: 100 }, () => [storage.getUser(id), storage.createUser(userInput())]).flat();
      for (const call of waiting) {
        const error = await expectCode(call, 'pool_timeout', { attempts: 1 });
        expect(error.retryable).toBe(true);
      }
      await release();
      await expect(update).resolves.toMatchObject({ name: 'late' });
    });
    await expect(storage.healthCheck()).resolves.toMatchObject({ status: 'ok', pool: { waiting: 0, total: 1 } });
    await storage.disconnect();
  });
});

describe('when a server process is stopped', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.stop());

  it('its call ends with connection_failed, and the backend exits once it continues', async () => {
    const storage = db.adapter({ application_name: NAME, ...LIMITS, max: 2 }, server.url);
    await storage.connect();
    const { id } = await storage.createUser(userInput());
    const client = new Client({ connectionString: server.url });
    await client.connect();
    const pids = async () =>
      (await client.query('SELECT pid FROM pg_stat_activity WHERE application_name = $1', [NAME])).rows.map(
        ({ pid }) => pid as number,
      );
    const [stopped] = (await pids()) as [number];
    process.kill(stopped, 'SIGSTOP');
    try {
      await expectCode(storage.updateUser(id, { name: 'x' }), 'connection_failed', { outcome: 'unknown' });
      await expect(storage.updateUser(id, { name: 'y' })).resolves.toMatchObject({ name: 'y' });
    } finally {
      process.kill(stopped, 'SIGCONT');
    }
    await until(async () => !(await pids()).includes(stopped));
    await expect(storage.getUser(id)).resolves.toMatchObject({ name: 'y' });
    await client.end();
    await storage.disconnect();
  });
});
