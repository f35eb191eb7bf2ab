/** The option `retries` of transactions: crowds in conflict, and the pauses between two attempts. */
import type { PostgresTransaction } from '@kitiumai/auth-postgres';
import { Collector } from './helpers/collector';
import { type AdapterOptions, useDatabase } from './helpers/database';
import { expectCode } from './helpers/errors';
import { whileFailing } from './helpers/failing';
import { emailTokenInput, unique } from './helpers/fixtures';

const db = useDatabase();
const COUNT = 256;
/** Nothing but conflicts is to end a transaction here. */
const PATIENT: AdapterOptions = {
  connectionTimeoutMillis: 120_000,
  statementTimeoutMs: 60_000,
  // Otherwise the server looks for deadlocks once a second.
  options: '-c deadlock_timeout=20ms',
};
const SERIALIZABLE = { isolationLevel: 'serializable', timeoutMs: 120_000 } as const;

/** Reads a number, decides by it, and writes it, which only a serializable transaction may do. */
async function countUp(tx: PostgresTransaction, userId: string): Promise<number> {
  const user = await tx.getUser(userId);
  const number = ((user?.metadata.number as number | undefined) ?? 0) + 1;
  await tx.updateUser(userId, { metadata: { number } });
  return number;
}

/** Users that transactions have made, by their ids. */
const made = async (ids: string[]) =>
  (await db.query<{ id: string }>('SELECT id FROM users WHERE id = ANY($1)', [ids])).map(({ id }) => id).sort();

const numberOf = async (userId: string) => (await db.storage.getUser(userId))?.metadata.number;

it(`${COUNT} serializable transactions that change one row all finish, each once`, async () => {
  const storage = db.adapter(PATIENT);
  const { id } = await storage.createUser({});
  const ids = Array.from({ length: COUNT }, () => unique('made'));
  let runs = 0;
  const numbers = await Promise.all(
    ids.map((each) =>
      storage.transaction(
        async (tx) => {
          runs += 1;
          await tx.createUser({ id: each });
          return countUp(tx, id);
        },
        { ...SERIALIZABLE, retries: 1_000 },
      ),
    ),
  );
  expect(numbers.sort((a, b) => a - b)).toEqual(Array.from({ length: COUNT }, (_, at) => at + 1));
  await expect(numberOf(id)).resolves.toBe(COUNT);
  expect(await made(ids)).toEqual([...ids].sort());
  // Without conflicts this would show nothing.
  expect(runs).toBeGreaterThan(COUNT);
  await storage.disconnect();
}, 150_000);

it(`of ${COUNT} serializable transactions with few retries, those that are refused leave nothing behind`, async () => {
  const storage = db.adapter(PATIENT);
  const { id } = await storage.createUser({});
  const ids = Array.from({ length: COUNT }, () => unique('made'));
  const outcomes = await Promise.allSettled(
    ids.map((each) =>
      storage.transaction(
        async (tx) => {
          await tx.createUser({ id: each });
          return countUp(tx, id);
        },
        { ...SERIALIZABLE, retries: 1 },
      ),
    ),
  );
  const finished = ids.filter((_, at) => outcomes[at]?.status === 'fulfilled');
  const refusals = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
  expect(refusals.length).toBeGreaterThan(0);
  for (const error of refusals) {
    expect(error).toMatchObject({ code: 'auth_postgres/serialization_failure', retryable: true });
    expect(error.context).toMatchObject({ sqlState: '40001', attempts: 2 });
    expect(error.context).not.toHaveProperty('outcome');
  }
  await expect(numberOf(id)).resolves.toBe(finished.length);
  expect(await made(ids)).toEqual(finished.sort());
  await storage.disconnect();
}, 150_000);

it(`${COUNT} transactions that lock rows in different orders all finish, whatever deadlocks there are`, async () => {
  const logger = new Collector();
  const storage = db.adapter({ ...PATIENT, logger, logLevel: 'warn' });
  const tokens = await Promise.all(
    Array.from({ length: 4 }, () => storage.createEmailVerificationToken(emailTokenInput())),
  );
  const expected = new Map(tokens.map(({ id }) => [id, 0]));
  await Promise.all(
    Array.from({ length: COUNT }, (_, at) => {
      // Every second one goes the other way round.
      const order = [at % 4, (at + 1 + (at % 3)) % 4].map((place) => tokens[place]?.id as string);
      for (const id of order) expected.set(id, (expected.get(id) ?? 0) + 1);
      if (at % 2 === 0) order.reverse();
      return storage.transaction(
        async (tx) => {
          for (const id of order) await tx.incrementEmailVerificationTokenAttempts(id);
        },
        { retries: 1_000, timeoutMs: 120_000 },
      );
    }),
  );
  for (const [id, attempts] of expected) {
    await expect(storage.getEmailVerificationTokenAttempts(id)).resolves.toBe(attempts);
  }
  expect(logger.take('retry').length).toBeGreaterThan(0);
  await storage.disconnect();
}, 150_000);

it(`${COUNT} transactions in conflict end by timeoutMs, and what they have written is whole`, async () => {
  const storage = db.adapter(PATIENT);
  const { id } = await storage.createUser({});
  const ids = Array.from({ length: COUNT }, () => unique('made'));
  const began = performance.now();
  const outcomes = await Promise.allSettled(
    ids.map((each) =>
      storage.transaction(
        async (tx) => {
          await tx.createUser({ id: each });
          return countUp(tx, id);
        },
        { ...SERIALIZABLE, retries: 1_000, timeoutMs: 400 },
      ),
    ),
  );
  expect(performance.now() - began).toBeLessThan(10_000);
  const finished = outcomes.filter(({ status }) => status === 'fulfilled').length;
  const refusals = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
  for (const error of refusals) expect(error).toMatchObject({ code: 'auth_postgres/cancelled' });
  const unknown = refusals.filter(({ context }) => context.outcome === 'unknown').length;
  const rows = (await made(ids)).length;
  expect(rows).toBeGreaterThanOrEqual(finished);
  expect(rows).toBeLessThanOrEqual(finished + unknown);
  expect((await numberOf(id)) ?? 0).toBe(rows);
  await storage.disconnect();
}, 60_000);

/** What `docs/transactions.md` says of the pause before the attempt that follows this one, before it is shortened. */
const fullPause = (attempt: number) => Math.min(25 * 2 ** (attempt - 1), 1_000);

it('the pauses between attempts double up to a second, are shortened at random, and are made before the function is called', async () => {
  const logger = new Collector();
  const storage = db.adapter({ logger, logLevel: 'warn' });
  const CALLS = 24;
  const RETRIES = 7;
  const calledAt: number[][] = Array.from({ length: CALLS }, () => []);
  await whileFailing(db, '40001', {}, async () => {
    await Promise.all(
      calledAt.map((times) =>
        expectCode(
          storage.transaction(
            (tx) => {
              times.push(performance.now());
              return tx.createUser({});
            },
            { retries: RETRIES },
          ),
          'serialization_failure',
          { attempts: RETRIES + 1 },
        ),
      ),
    );
  });
  const pauses = logger.take('retry').map(({ fields }) => fields as { attempt: number; pauseMs: number });
  for (let attempt = 1; attempt <= RETRIES; attempt += 1) {
    const full = fullPause(attempt);
    const ofAttempt = pauses.filter((pause) => pause.attempt === attempt).map(({ pauseMs }) => pauseMs);
    expect(ofAttempt).toHaveLength(CALLS);
    for (const pauseMs of ofAttempt) {
      expect(pauseMs).toBeGreaterThanOrEqual(Math.floor(full / 2));
      expect(pauseMs).toBeLessThanOrEqual(full);
    }
    // Not all at the same time again.
    expect(Math.max(...ofAttempt) - Math.min(...ofAttempt)).toBeGreaterThan(full / 8);
    for (const times of calledAt) {
      const [before, after] = [times[attempt - 1] as number, times[attempt] as number];
      expect(after - before).toBeGreaterThanOrEqual(full / 2 - 1);
    }
  }
  await storage.disconnect();
}, 30_000);

it('a transaction holds no connection while it pauses', async () => {
  const logger = new Collector();
  const storage = db.adapter({ max: 1, logger, logLevel: 'warn' });
  const { id } = await storage.createUser({});
  const seen: string[] = [];
  await whileFailing(db, '40001', {}, async () => {
    const whole = storage.transaction(
      (tx) => {
        const pause = logger.take('retry').at(-1);
        if (pause) seen.push('called');
        return tx.createUser({});
      },
      { retries: 6 },
    );
    const looking = (async () => {
      // The last pause is 400 ms long or longer.
      while (seen.length < 5) await new Promise((resolve) => setTimeout(resolve, 5));
      await new Promise((resolve) => setTimeout(resolve, 50));
      await storage.getUser(id);
      seen.push('found');
    })();
    await expectCode(whole, 'serialization_failure');
    await looking;
  });
  expect(seen).toEqual(['called', 'called', 'called', 'called', 'called', 'found', 'called']);
  await storage.disconnect();
});
