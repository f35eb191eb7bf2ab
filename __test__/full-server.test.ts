/** A server that lets in fewer connections than `max`: calls share those that there are. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { asSuperuser, useDatabase } from './helpers/database';
import { expectCode } from './helpers/errors';
import { backendsOf, HOLD_EMAILS, until, whileLocked } from './helpers/failing';
import { eventInput, sessionInput, unique, userInput } from './helpers/fixtures';
import { giveUpUpdates } from './helpers/given-up';
import { race } from './helpers/race';

const db = useDatabase();
const NAME = 'full-server';
const role = unique('full').replaceAll('-', '_');
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);
const newEmail = () => `${unique('held')}@example.com`;
const waiting = async () => (await backendsOf(db, NAME, { waiting: true })).length;

beforeAll(async () => {
  await db.query(`CREATE ROLE ${role} LOGIN PASSWORD 'x'; GRANT USAGE ON SCHEMA public TO ${role};
    GRANT ALL ON ALL TABLES IN SCHEMA public TO ${role}; GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO ${role}`);
});
afterAll(() => asSuperuser((client) => client.query(`DROP ROLE ${role}`)));

const adapters: PostgresStorageAdapter[] = [];
const limitTo = (connections: number) => db.query(`ALTER ROLE ${role} CONNECTION LIMIT ${connections}`);
/** An adapter that the server gives no more connections than these. */
async function limited(connections: number, options = {}): Promise<PostgresStorageAdapter> {
  await Promise.all(adapters.map((storage) => storage.disconnect()));
  await until(async () => (await backendsOf(db, NAME)).length === 0);
  await limitTo(connections);
  const url = new URL(db.url);
  [url.username, url.password] = [role, 'x'];
  const storage = db.adapter({ max: 10, application_name: NAME, statementTimeoutMs: 0, ...options }, url.href);
  adapters.push(storage);
  return storage;
}

/** Calls of several kinds, alone and in transactions. */
const CALLS: ((storage: PostgresStorageAdapter, userId: string) => Promise<unknown>)[] = [
  (storage) => storage.createUser(userInput()),
  (storage, userId) => storage.createSession(sessionInput(userId)),
  (storage, userId) => storage.getUser(userId),
  (storage, userId) => storage.listUserSessions(userId, { limit: 10 }),
  (storage, userId) => storage.updateUser(userId, { plan: 'x' }),
  (storage) => storage.emitEvent(eventInput()),
  (storage) => storage.transaction((tx) => tx.createUser(userInput())),
  (storage) => storage.healthCheck(),
];

it.each([
  [1, 64],
  [1, 256],
  [3, 64],
  [3, 256],
])('%i connections serve %i calls at once', async (connections, callers) => {
  const storage = await limited(connections);
  const { id } = await db.storage.createUser({});
  for (const _ of numbers(3)) {
    const { rejected } = await race(callers, (at) => (CALLS[at % CALLS.length] as (typeof CALLS)[0])(storage, id));
    expect(rejected).toEqual([]);
  }
  expect(await backendsOf(db, NAME)).toHaveLength(connections);
});

it.each([
  [2, 16],
  [3, 16],
  [3, 64],
  [5, 256],
])(
  '%i connections serve other calls while %i wait for locks, which go on when these are free',
  async (connections, waiters) => {
    const storage = await limited(connections, { connectionTimeoutMillis: 10_000 });
    const emails = numbers(waiters).map(newEmail);
    await whileLocked(db, HOLD_EMAILS, [emails], async (release) => {
      let ended = 0;
      const stuck = emails.map((email) => storage.createUser({ email }));
      for (const call of stuck) call.catch(() => undefined).then(() => (ended += 1));
      await until(async () => (await waiting()) > 0);
      for (const _ of numbers(5)) {
        await sleep(200);
        const { rejected } = await race(64, () => storage.createUser(userInput()));
        expect(rejected).toEqual([]);
      }
      expect(ended).toBe(0);
      await release();
      await expect(Promise.all(stuck)).resolves.toHaveLength(waiters);
    });
  },
);

it.each([1, 2, 3])(
  'of %i connections one is left to others by calls that begin to wait for locks one by one',
  async (connections) => {
    const storage = await limited(connections, { connectionTimeoutMillis: 5_000 });
    // Whether there is a second one is not known before somebody has asked for it.
    if (connections === 1) await race(8, () => storage.listUsers({ limit: 1 }));
    const emails = numbers(connections).map(newEmail);
    await whileLocked(db, HOLD_EMAILS, [emails], async (release) => {
      const stuck: Promise<unknown>[] = [];
      for (const email of emails) {
        stuck.push(storage.createUser({ email }));
        await until(async () => (await waiting()) > 0);
        await sleep(100);
      }
      const { rejected } = await race<unknown>(8, (at) =>
        at % 2 === 0 ? storage.createUser(userInput()) : storage.listUsers({ limit: 1 }),
      );
      expect(rejected).toEqual([]);
      await release();
      await expect(Promise.all(stuck)).resolves.toHaveLength(connections);
    });
  },
);

it('a connection that takes the place of one that was lost is left to others, too', async () => {
  const storage = await limited(3, { connectionTimeoutMillis: 5_000 });
  const emails = numbers(16).map(newEmail);
  await whileLocked(db, HOLD_EMAILS, [emails], async (release) => {
    const stuck = emails.map((email) => storage.createUser({ email }));
    await until(async () => (await waiting()) > 0);
    for (const _ of numbers(4)) {
      await db.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE application_name = $1 AND wait_event_type IS DISTINCT FROM 'Lock'`,
        [NAME],
      );
      await sleep(500);
      await storage.listUsers({ limit: 1 });
    }
    await release();
    await expect(Promise.all(stuck)).resolves.toHaveLength(emails.length);
  });
});

it('is asked for a further connection once in a second, however many calls there are', async () => {
  const storage = await limited(1);
  const work = () => race(64, () => storage.listUsers({ limit: 1 }));
  await work();
  const [before, begun] = [storage.stats().connections.failed, performance.now()];
  while (performance.now() - begun < 3_000) await expect(work()).resolves.toMatchObject({ rejected: [] });
  const seconds = (performance.now() - begun) / 1_000;
  expect(storage.stats().connections.failed - before).toBeGreaterThan(0);
  expect(storage.stats().connections.failed - before).toBeLessThanOrEqual(Math.ceil(seconds) + 1);
});

it('a statement that is given up is cancelled over one of them, and costs none', async () => {
  const storage = await limited(2);
  await giveUpUpdates(db, storage, NAME);
  expect(storage.stats().connections.opened).toBe(2);
});

it('a call that gets none of them in time is told why, and what to do', async () => {
  const storage = await limited(1, { connectionTimeoutMillis: 300, maxRetries: 0 });
  await storage.transaction(async (tx) => {
    await tx.createUser({});
    const calls = [storage.getUser('x'), storage.createUser({}), storage.listUsers({ limit: 1 })];
    for (const call of calls) {
      const error = await expectCode(call, 'pool_timeout');
      expect(error.message).toContain('1 of 10 are open, and no further one is let in');
      expect(error.message).toContain('transactions hold 1 of 10');
      expect(error.cause).toMatchObject({ code: '53300' });
    }
  });
});

it('disconnect() ends calls that wait for one', async () => {
  const storage = await limited(1);
  let calls: Promise<PromiseSettledResult<unknown>[]> | undefined;
  const transaction = storage.transaction(async (tx) => {
    await tx.createUser({});
    calls = Promise.allSettled(numbers(64).map(() => storage.getUser('x')));
    await until(async () => storage.stats().connections.waiting > 0);
    await storage.disconnect({ timeoutMs: 200 });
  });
  await expectCode(transaction, 'cancelled');
  expect((await calls)?.filter(({ status }) => status === 'fulfilled')).toEqual([]);
});

it('further connections are opened soon after the server lets them in', async () => {
  const storage = await limited(1);
  const { id } = await db.storage.createUser({});
  await storage.transaction(async (tx) => {
    await tx.createUser({});
    const calls = numbers(64).map((at) => (CALLS[at % CALLS.length] as (typeof CALLS)[0])(storage, id));
    await sleep(100);
    await limitTo(-1);
    await expect(Promise.all(calls)).resolves.toHaveLength(64);
  });
  expect((await backendsOf(db, NAME)).length).toBeGreaterThan(1);
});
