/** What `stats()` counts. */
import { type InternalError, PostgresStorageAdapter, type Stats } from '@kitiumai/auth-postgres';
import { useDatabase } from './helpers/database';
import { rejection } from './helpers/errors';
import { until, whileLocked } from './helpers/failing';
import { inAnHour, unique } from './helpers/fixtures';

const db = useDatabase();

/** How many calls of a method were answered, and how many of them failed by which code. */
function countsOf(stats: Stats, method: string) {
  const { running, errors, durationSeconds } = stats.calls[method] ?? {};
  return { running, errors, answered: durationSeconds?.count };
}

it('an adapter that has not been used has the figures of its pool, and no calls', () => {
  const stats = db.adapter({ max: 7, min: 2 }).stats();
  expect(stats).toStrictEqual({
    calls: {},
    ...{ statements: 0, retries: 0, running: [] },
    batchSizes: { count: 0, sum: 0, buckets: expect.any(Array) },
    connections: { max: 7, min: 2, total: 0, idle: 0, used: 0, waiting: 0, opened: 0, failed: 0 },
  });
});

it('256 calls of a method are counted once each, the failed ones by their code, and how long they took', async () => {
  const storage = db.adapter();
  const email = unique('stats');
  const results = await Promise.allSettled(Array.from({ length: 256 }, () => storage.createUser({ email })));
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  const stats = storage.stats();
  expect(countsOf(stats, 'createUser')).toEqual({
    ...{ running: 0, answered: 256 },
    errors: { 'auth_postgres/conflict': 255 },
  });
  const { sum, buckets } = (stats.calls.createUser as Stats['calls'][string]).durationSeconds;
  expect(sum).toBeGreaterThan(0);
  expect(buckets.at(-1)).toEqual({ le: 10, count: 256 });
  // The buckets are cumulative.
  expect(buckets.map(({ count }) => count)).toEqual(buckets.map(({ count }) => count).sort((a, b) => a - b));
});

it('calls that never reach the server are counted, too', async () => {
  const storage = db.adapter();
  await rejection(storage.getUser(7 as never));
  await rejection(storage.getUser('id', { timeoutMs: 0 }));
  await rejection(storage.createUser({ emial: 'x' } as never));
  const stats = storage.stats();
  expect(countsOf(stats, 'getUser')).toEqual({
    ...{ running: 0, answered: 2 },
    errors: { 'auth_postgres/invalid_input': 1, 'auth_postgres/cancelled': 1 },
  });
  expect(countsOf(stats, 'createUser').errors).toEqual({ 'auth_postgres/invalid_input': 1 });
  expect(stats.statements).toBe(0);
});

const LOCK_USER = 'SELECT FROM users WHERE id = $1 FOR UPDATE';

it('a call that is given up is counted once, as cancelled', async () => {
  const storage = db.adapter();
  const { id } = await storage.createUser({});
  await whileLocked(db, LOCK_USER, [id], async () => {
    await rejection(storage.updateUser(id, { name: 'x' }, { timeoutMs: 100 }));
  });
  await storage.disconnect();
  expect(countsOf(storage.stats(), 'updateUser')).toEqual({
    ...{ running: 0, answered: 1 },
    errors: { 'auth_postgres/cancelled': 1 },
  });
});

it('statements that serve many calls are counted with the number of their calls', async () => {
  const storage = db.adapter({ max: 2 });
  const { id: userId } = await storage.createUser({});
  const { id } = await storage.createSession({ userId, expiresAt: inAnHour() });
  const before = storage.stats();
  await Promise.all(Array.from({ length: 256 }, () => storage.getSession(id)));
  const after = storage.stats();
  expect(after.batchSizes.sum - before.batchSizes.sum).toBe(256);
  const statements = after.batchSizes.count - before.batchSizes.count;
  expect(after.statements - before.statements).toBe(statements);
  // How many travel together depends on how busy the machine is; that some do does not.
  expect(statements).toBeLessThan(256);
});

it('a statement that is running is listed with its method and its time', async () => {
  const storage = db.adapter();
  const { id } = await storage.createUser({});
  await whileLocked(db, LOCK_USER, [id], async (release) => {
    const waiting = storage.updateUser(id, { name: 'late' });
    await until(async () => storage.stats().running.some(({ durationMs }) => durationMs > 100));
    const { running, calls, connections } = storage.stats();
    expect(running).toEqual([{ operation: 'updateUser', durationMs: expect.any(Number) }]);
    expect(calls.updateUser?.running).toBe(1);
    expect(connections).toMatchObject({ used: 1, waiting: 0 });
    await release();
    await waiting;
  });
  expect(storage.stats().running).toEqual([]);
});

it('a connection that is ended by the server shows as a retry, and as a connection more', async () => {
  const storage = db.adapter({ application_name: 'stats-retries' });
  await storage.getUser('nobody');
  const before = storage.stats();
  await db.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'stats-retries'`);
  await storage.getUser('nobody');
  const after = storage.stats();
  expect(after.retries - before.retries).toBe(1);
  expect(after.connections.opened - before.connections.opened).toBe(1);
});

it('connections that cannot be opened are counted', async () => {
  const storage = db.adapter({ maxRetries: 0 }, 'postgres://localhost:1/nothing');
  await rejection(storage.getUser('id'));
  expect(storage.stats().connections).toMatchObject({ opened: 0, failed: 1, total: 0 });
});

it('after disconnect the counts stay, and no connection is left', async () => {
  const storage = db.adapter();
  await storage.getUser('nobody');
  await storage.disconnect();
  expect(storage.stats()).toMatchObject({
    calls: { getUser: { running: 0 } },
    connections: { total: 0, idle: 0, used: 0 },
  });
});

it('without an adapter it says what it needs', () => {
  const { stats } = PostgresStorageAdapter.prototype;
  const call = () => stats.call(undefined as never);
  expect(call).toThrow(
    expect.objectContaining({ code: 'auth_postgres/invalid_input' } satisfies Partial<InternalError>),
  );
});
