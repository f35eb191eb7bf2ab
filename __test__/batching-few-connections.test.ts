/** Calls that wait for a lock leave a connection to the others, also where an adapter has only one or two. */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { useDatabase } from './helpers/database';
import { expectCode } from './helpers/errors';
import { backendsOf, HOLD_EMAILS, until, whileLocked } from './helpers/failing';
import { eventInput, sessionInput, unique, userInput } from './helpers/fixtures';
import { race } from './helpers/race';

const db = useDatabase();
const NAME = 'few-connections';
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);
const waiting = async () => (await backendsOf(db, NAME, { waiting: true })).length;
const adapter = (options = {}) => db.adapter({ application_name: NAME, statementTimeoutMs: 0, ...options });
const newEmail = () => `${unique('held')}@example.com`;

const LOCK_USER = 'SELECT FROM users WHERE id = $1 FOR UPDATE';

let userId: string;
beforeAll(async () => {
  ({ id: userId } = await db.storage.createUser(userInput()));
});

/** Calls of several kinds, none of which needs what is locked. */
const CALLS: ((storage: PostgresStorageAdapter) => Promise<unknown>)[] = [
  (storage) => storage.createUser(userInput(), { timeoutMs: 5_000 }),
  (storage) => storage.createSession(sessionInput(userId), { timeoutMs: 5_000 }),
  (storage) => storage.getUser(userId, { timeoutMs: 5_000 }),
  (storage) => storage.updateUser(userId, { plan: 'x' }, { timeoutMs: 5_000 }),
  (storage) => storage.emitEvent(eventInput(), { timeoutMs: 5_000 }),
  (storage) => storage.healthCheck({ timeoutMs: 5_000 }),
];

describe.each([1, 2])('with max: %i', (max) => {
  it.each([1, 64, 256])(
    'a createUser and a createSession that wait for locks do not delay %i other calls',
    async (callers) => {
      const storage = adapter({ max });
      const [email, locked] = [newEmail(), (await db.storage.createUser({})).id];
      await whileLocked(db, HOLD_EMAILS, [[email]], async (releaseEmail) => {
        await whileLocked(db, LOCK_USER, [locked], async (releaseUser) => {
          let ended = 0;
          const stuck = [storage.createUser({ email }), storage.createSession(sessionInput(locked))];
          for (const call of stuck) call.then(() => (ended += 1));
          await until(async () => (await waiting()) > 0);
          await sleep(200);
          for (const _ of numbers(3)) {
            const { rejected } = await race(callers, (at) => (CALLS[at % CALLS.length] as (typeof CALLS)[0])(storage));
            expect(rejected).toEqual([]);
            // One by one, too.
            for (const call of CALLS) await call(storage);
          }
          expect(ended).toBe(0);
          await releaseUser();
          await releaseEmail();
          await expect(Promise.all(stuck)).resolves.toMatchObject([{ email }, { userId: locked }]);
        });
      });
      await storage.disconnect();
    },
  );
});

it.each([1, 2, 4, 10])(
  'with max: %i, a call goes on when its lock is free, although calls before and after it still wait for theirs',
  async (max) => {
    const storage = adapter({ max });
    const emails = numbers(32).map(newEmail);
    const free = newEmail();
    await whileLocked(db, HOLD_EMAILS, [emails], async (releaseOthers) => {
      await whileLocked(db, HOLD_EMAILS, [[free]], async (release) => {
        const others = emails.slice(0, 16).map((email) => storage.createUser({ email }));
        await sleep(200);
        const own = storage.createUser({ email: free }, { timeoutMs: 10_000 });
        await sleep(200);
        others.push(...emails.slice(16).map((email) => storage.createUser({ email })));
        await sleep(200);
        await release();
        await expect(own).resolves.toMatchObject({ email: free });
        await releaseOthers();
        await expect(Promise.all(others)).resolves.toHaveLength(emails.length);
      });
    });
    await storage.disconnect();
  },
);

describe('with max: 1, a createUser that waits for a held e-mail', () => {
  const whileHeld = async (
    options: object,
    work: (call: (options?: object) => Promise<unknown>, release: () => Promise<unknown>) => Promise<void>,
  ) => {
    const storage = adapter({ max: 1, ...options });
    const email = newEmail();
    await whileLocked(db, HOLD_EMAILS, [[email]], (release) =>
      work((callOptions) => storage.createUser({ email }, callOptions as never), release),
    );
    await storage.disconnect();
  };

  it.each([
    ['statementTimeoutMs', { statementTimeoutMs: 600 }],
    ['lock_timeout', { lock_timeout: 600 }],
    ['a lock_timeout among the start-up options', { options: '-c lock_timeout=600ms' }],
  ])('is rejected with lock_timeout after the time of %s, and is known to have changed nothing', async (_, options) => {
    await whileHeld(options, async (call) => {
      const begun = performance.now();
      const error = await expectCode(call(), 'lock_timeout', { sqlState: '55P03', operation: 'createUser' });
      expect(performance.now() - begun).toBeGreaterThan(590);
      expect(performance.now() - begun).toBeLessThan(3_000);
      expect(error.retryable).toBe(true);
      expect(error.context).not.toHaveProperty('outcome');
    });
  });

  it('can be given up at any time, and creates nothing afterwards', async () => {
    await whileHeld({}, async (call, release) => {
      for (const timeoutMs of [1, 30, 55, 100, 133, 170, 201]) await expectCode(call({ timeoutMs }), 'cancelled');
      await until(async () => (await waiting()) === 0);
      const users = () => db.query('SELECT count(*)::int AS count FROM users');
      const before = await users();
      await release();
      await sleep(200);
      expect(await users()).toEqual(before);
    });
  });

  it('ends with disconnect()', async () => {
    const storage = adapter({ max: 1 });
    const email = newEmail();
    await whileLocked(db, HOLD_EMAILS, [[email]], async () => {
      const call = expectCode(storage.createUser({ email }), 'cancelled');
      await sleep(150);
      await storage.disconnect({ timeoutMs: 100 });
      await call;
    });
  });
});

it.each([1, 2])('a wait for a lock takes no time from the wait for a connection, with a pool of %i', async (max) => {
  const storage = db.adapter({ max, connectionTimeoutMillis: 1_000, statementTimeoutMs: 20_000 });
  const { id } = await storage.createUser({});
  let update: Promise<unknown> | undefined;
  await whileLocked(db, 'SELECT FROM users WHERE id = $1 FOR UPDATE', [id], async () => {
    const calls = [storage.createSession(sessionInput(id)), storage.getUser(id)];
    update = calls[0];
    await calls[1];
    await new Promise((resolve) => setTimeout(resolve, 2_500));
  });
  await expect(update).resolves.toMatchObject({ userId: id });
  await storage.disconnect();
});
