/** Calls that travel together: what a lock, or the lack of a connection, costs those that need not wait for it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { Collector } from './helpers/collector';
import { useDatabase } from './helpers/database';
import { expectCode } from './helpers/errors';
import { backendsOf, until, whileLocked } from './helpers/failing';
import { sessionInput, unique, userInput } from './helpers/fixtures';
import { race } from './helpers/race';
import { Relay } from './helpers/relay';
import { sqlOf } from './helpers/wire';

const db = useDatabase();
const NAME = 'batching-waits';
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);
const waiting = async () => (await backendsOf(db, NAME, { waiting: true })).length;

let userId: string;
beforeAll(async () => {
  ({ id: userId } = await db.storage.createUser(userInput()));
});

const newUsers = (count: number) =>
  Promise.all(numbers(count).map(async () => (await db.storage.createUser(userInput())).id));
const newSessions = (count: number) =>
  Promise.all(numbers(count).map(async () => (await db.storage.createSession(sessionInput(userId))).id));
const adapter = (options = {}) => db.adapter({ application_name: NAME, statementTimeoutMs: 0, ...options });

const LOCK_USERS = 'SELECT FROM users WHERE id = ANY($1) FOR UPDATE';

/** Locks a user and has an update of it wait: it occupies a connection until it is released. */
async function occupying(
  storage: PostgresStorageAdapter,
  work: (release: () => Promise<unknown>) => Promise<void>,
): Promise<void> {
  const [id] = (await newUsers(1)) as [string];
  await whileLocked(db, LOCK_USERS, [[id]], async (release) => {
    const held = storage.updateUser(id, { name: 'late' });
    await work(async () => {
      await release();
      await held;
    });
  });
}

describe.each([64, 256])('%i callers', (callers) => {
  it('update their sessions in one statement although one of them is locked', async () => {
    const sessions = await newSessions(callers);
    const locked = sessions[callers / 2] as string;
    const logger = new Collector();
    const storage = adapter({ logger, max: 1 });
    await storage.connect();
    await whileLocked(db, 'SELECT FROM sessions WHERE id = $1 FOR UPDATE', [locked], async (release) => {
      const calls = new Map<string, Promise<unknown>>();
      // While there is no connection for them, they gather.
      await occupying(storage, async (releaseConnection) => {
        await until(async () => (await waiting()) === 1);
        for (const id of sessions) calls.set(id, storage.updateSession(id, { plan: 'seen' }, { timeoutMs: 10_000 }));
        await releaseConnection();
      });
      const own = calls.get(locked);
      calls.delete(locked);
      await Promise.all(calls.values());
      // That one, and the attempts of the call that has to wait.
      const statements = logger.take().filter(({ fields }) => fields.operation === 'updateSession');
      expect(statements.length).toBeLessThan(5);
      await release();
      await expect(own).resolves.toMatchObject({ plan: 'seen' });
    });
    await storage.disconnect();
  });

  it('that wait for as many locks leave a connection to those who need not wait', async () => {
    const locked = await newUsers(callers);
    const storage = adapter();
    await whileLocked(db, LOCK_USERS, [locked], async (release) => {
      const stuck = locked.map((id) => storage.createSession(sessionInput(id)));
      await until(async () => (await waiting()) >= 7);
      const { rejected } = await race(callers, () =>
        storage.createSession(sessionInput(userId), { timeoutMs: 10_000 }),
      );
      expect(rejected).toEqual([]);
      // Of the eight connections that one kind of call may use.
      await until(async () => (await waiting()) === 7);
      await release();
      await Promise.all(stuck);
    });
    await storage.disconnect();
  });
});

it('calls that come one by one, each for a lock of its own, leave a connection to those who need not wait', async () => {
  const locked = await newUsers(12);
  const storage = adapter();
  await whileLocked(db, LOCK_USERS, [locked], async (release) => {
    const stuck = [];
    for (const [at, id] of locked.entries()) {
      stuck.push(storage.createSession(sessionInput(id)));
      // Each is alone when it leaves.
      if (at < 7) await until(async () => (await waiting()) === at + 1);
      else await sleep(30);
    }
    const { rejected } = await race(64, () => storage.createSession(sessionInput(userId), { timeoutMs: 10_000 }));
    expect(rejected).toEqual([]);
    await until(async () => (await waiting()) === 7);
    await release();
    await Promise.all(stuck);
  });
  await storage.disconnect();
});

describe('calls behind one that waits for the same lock', () => {
  /**
   * Two locked users, and a pool in which one call may wait: for the first. A call for the second waits to be sent, and
   * others for the second are behind it.
   */
  async function queueBehind(
    work: (scene: {
      controller: AbortController;
      leaving: Promise<unknown>;
      behind: Promise<unknown>[];
      releaseFirst: () => Promise<unknown>;
      releaseSecond: () => Promise<unknown>;
    }) => Promise<void>,
  ) {
    const [first, second] = (await newUsers(2)) as [string, string];
    const storage = adapter({ max: 2 });
    await storage.connect();
    await whileLocked(db, LOCK_USERS, [[first]], async (releaseFirst) => {
      await whileLocked(db, LOCK_USERS, [[second]], async (releaseSecond) => {
        const own = storage.createSession(sessionInput(first));
        await until(async () => (await waiting()) === 1);
        const controller = new AbortController();
        const leaving = storage.createSession(sessionInput(second), { signal: controller.signal });
        leaving.catch(() => undefined);
        // It has tried, and given up on the lock.
        await sleep(200);
        const behind = numbers(64).map(() => storage.createSession(sessionInput(second)));
        await sleep(200);
        await until(async () => (await waiting()) === 1);
        await work({ controller, leaving, behind, releaseFirst, releaseSecond });
        await releaseFirst();
        await own;
      });
    });
    await storage.disconnect();
  }

  it('go on when that one has been given up before it was sent', async () => {
    await queueBehind(async ({ controller, leaving, behind, releaseSecond }) => {
      controller.abort();
      await expectCode(leaving, 'cancelled');
      await releaseSecond();
      await Promise.all(behind);
    });
  });

  it('go on when that one has been given up at its turn', async () => {
    await queueBehind(async ({ controller, leaving, behind, releaseFirst, releaseSecond }) => {
      await releaseSecond();
      controller.abort();
      await releaseFirst();
      // It may have been sent in time.
      await leaving.catch(({ code }) => expect(code).toBe('auth_postgres/cancelled'));
      await Promise.all(behind);
    });
  });

  it('go on when that one has ended', async () => {
    await queueBehind(async ({ leaving, behind, releaseFirst, releaseSecond }) => {
      await releaseSecond();
      await releaseFirst();
      await expect(leaving).resolves.toBeDefined();
      await Promise.all(behind);
    });
  });
});

describe('a call that has waited for a connection as long as it may', () => {
  const LIMIT = 3_000;

  it.each([64, 256])('is refused alone: %i that came later have their own time', async (callers) => {
    const storage = adapter({ max: 1, connectionTimeoutMillis: LIMIT });
    await storage.connect();
    await occupying(storage, async (release) => {
      await until(async () => (await waiting()) === 1);
      const refused = expectCode(storage.getSession('none'), 'pool_timeout');
      await sleep(LIMIT / 2);
      const late = race(callers, () => storage.getSession('none'));
      await refused;
      await sleep(LIMIT / 10);
      await release();
      expect((await late).rejected).toEqual([]);
    });
    await storage.disconnect();
  });

  it('is refused alone when the statement that it shares has to be sent again', async () => {
    const relay = await Relay.start(db.url);
    const storage = db.adapter(
      { application_name: NAME, max: 1, connectionTimeoutMillis: LIMIT, statementTimeoutMs: 0 },
      relay.url,
    );
    await storage.connect();
    await occupying(storage, async (releaseFirst) => {
      await until(async () => (await waiting()) === 1);
      const refused = expectCode(storage.getSession('none'), 'pool_timeout');
      await sleep(LIMIT / 2);
      const late = race(64, () => storage.getSession('none'));
      // In line behind them, and before the second attempt.
      await occupying(storage, async (releaseSecond) => {
        let isSent = false;
        let isLost = false;
        relay.onMessage((message) => {
          isSent ||= /FROM sessions/.test(sqlOf(message) ?? '');
          if (!isSent || message.from === 'client' || message.type !== '2' || isLost) return 'pass';
          isLost = true;
          return 'cut';
        });
        await releaseFirst();
        await until(async () => isLost && (await waiting()) === 1);
        await refused;
        await sleep(LIMIT / 10);
        await releaseSecond();
        expect((await late).rejected).toEqual([]);
      });
    });
    await storage.disconnect();
    await relay.close();
  });
});

describe('an application whose own trigger writes what no Date can hold', () => {
  beforeAll(async () => {
    await db.query(`CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN IF NEW.plan = 'bad' THEN NEW.created_at = 'infinity'; END IF; RETURN NEW; END $$`);
    for (const table of ['sessions', 'users']) {
      await db.query(`CREATE TRIGGER spoil BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION spoil()`);
    }
  });
  afterAll(() => db.query('DROP FUNCTION spoil CASCADE'));

  it.each([64, 256])('has each of %i rows that are created together once, and one call fails', async (callers) => {
    const plan = (index: number) => (index === callers / 2 ? 'bad' : 'good');
    const name = unique('name');
    const ids = numbers(callers).map(() => unique('session'));
    const failures = async (calls: Promise<unknown>[]) =>
      (await Promise.allSettled(calls)).flatMap(({ status }, index) => (status === 'rejected' ? [index] : []));
    const sessions = ids.map((id, index) => db.storage.createSession(sessionInput(userId, { id, plan: plan(index) })));
    expect(await failures(sessions)).toEqual([callers / 2]);
    const users = ids.map((_, index) => db.storage.createUser({ name, plan: plan(index) }));
    expect(await failures(users)).toEqual([callers / 2]);
    const [counts] = await db.query(
      `SELECT (SELECT count(*)::int FROM sessions WHERE id = ANY($1)) AS sessions
            , (SELECT count(*)::int FROM users WHERE name = $2) AS users`,
      [ids, name],
    );
    expect(counts).toEqual({ sessions: callers, users: callers });
  });
});
