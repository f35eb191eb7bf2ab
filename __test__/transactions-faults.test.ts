/** Whatever breaks a transaction, wherever it does, leaves all of it or nothing, and the error says which. */
import type { InternalError, PostgresStorageAdapter, PostgresTransaction } from '@kitiumai/auth-postgres';
import { useDatabase } from './helpers/database';
import { expectCode, rejection } from './helpers/errors';
import { until } from './helpers/failing';
import { eventInput, sessionInput, unique, userInput } from './helpers/fixtures';
import { type Direction, type Link, type Passage, TcpProxy } from './helpers/proxy';
import { Relay } from './helpers/relay';

const db = useDatabase();
const NAME = 'transactions-faults';
const COMMIT = 'SELECT; COMMIT';
let relay: Relay;
let storage: PostgresStorageAdapter;

beforeAll(async () => {
  relay = await Relay.start(db.url);
});
afterAll(() => relay.close());

beforeEach(() => {
  storage = db.adapter({ application_name: NAME, max: 1, statementTimeoutMs: 1_000 }, relay.url);
});
afterEach(async () => {
  relay.onMessage();
  relay.release();
  await storage.disconnect({ timeoutMs: 100 });
});

/** Lets the server fail a transaction just before its `COMMIT`, and keeps that from the adapter. */
class Saboteur extends TcpProxy {
  private isSwallowing = false;

  static override async start(target: string): Promise<Saboteur> {
    const saboteur = new Saboteur(target);
    await saboteur.listen();
    return saboteur;
  }

  protected override read(_: Link, direction: Direction, chunk: Buffer): Passage {
    if (direction === 'up' && chunk.includes(COMMIT)) {
      this.isSwallowing = true;
      const sql = Buffer.from('Q0000SELECT 1 / 0\0');
      sql.writeInt32BE(sql.length - 1, 1);
      return Buffer.concat([sql, chunk]);
    }
    if (direction === 'up' || !this.isSwallowing) return chunk;
    // ReadyForQuery, in a transaction that has failed.
    const ready = chunk.indexOf(Buffer.from('Z\0\0\0\x05E', 'latin1'));
    if (ready === -1) return Buffer.alloc(0);
    this.isSwallowing = false;
    return chunk.subarray(ready + 6);
  }
}

/** Writes in three tables. */
const signUp = (id: string) =>
  storage.transaction(async (tx) => {
    await tx.createUser(userInput({ id }));
    await tx.createSession(sessionInput(id));
    await tx.emitEvent(eventInput({ principalId: id }));
  });

/** How many of the three rows there are. */
async function rowsOf(id: string): Promise<number> {
  const [{ count }] = await db.query(
    `SELECT (SELECT count(*) FROM users WHERE id = $1)::int
          + (SELECT count(*) FROM sessions WHERE user_id = $1)::int
          + (SELECT count(*) FROM auth_events WHERE principal_id = $1)::int AS count`,
    [id],
  );
  return count;
}

/** No backend of the adapter's is in a transaction. */
const isAtRest = async () =>
  (await db.query(`SELECT FROM pg_stat_activity WHERE application_name = $1 AND state <> 'idle'`, [NAME])).length === 0;

/**
 * Runs transactions one after the other, and breaks each at a later message from that side, counted from `BEGIN` on; until
 * one has no further message.
 */
async function breakEverywhere(
  side: 'client' | 'server',
  fault: () => 'pass' | 'cut',
  check: (id: string, outcome: InternalError | undefined) => Promise<void>,
): Promise<number> {
  for (let n = 1; ; n += 1) {
    await storage.getUser('x');
    const id = unique('broken');
    let isCounting = false;
    let count = 0;
    relay.onMessage((message) => {
      isCounting ||= message.from === 'client' && message.bytes.includes('BEGIN ISOLATION');
      if (!isCounting || message.from !== side) return 'pass';
      count += 1;
      return count === n ? fault() : 'pass';
    });
    const outcome = await outcomeOf(signUp(id));
    relay.onMessage();
    await check(id, outcome);
    if (count < n) return n - 1;
  }
}

/** All or nothing, and what the error says of it. */
async function judge(id: string, outcome: InternalError | undefined): Promise<'all' | 'nothing'> {
  await until(isAtRest);
  const rows = await rowsOf(id);
  expect([0, 3]).toContain(rows);
  if (outcome === undefined) {
    expect(rows).toBe(3);
  } else if (outcome.context.outcome === undefined) {
    expect(rows).toBe(0);
    expect(outcome.retryable).toBe(true);
  } else {
    expect(outcome).toMatchObject({ retryable: false, context: { operation: 'transaction', outcome: 'unknown' } });
  }
  return rows === 3 ? 'all' : 'nothing';
}

const outcomeOf = (whole: Promise<unknown>) => whole.then(() => undefined).catch((error: InternalError) => error);

it.each(['client', 'server'] as const)(
  'a line that is cut at any message from the %s leaves all or nothing',
  async (side) => {
    const seen = { known: 0, unknown: 0 };
    const messages = await breakEverywhere(
      side,
      () => 'cut',
      async (id, outcome) => {
        await judge(id, outcome);
        if (outcome !== undefined) seen[outcome.context.outcome ?? 'known'] += 1;
      },
    );
    expect(messages).toBeGreaterThan(15);
    expect(seen.known).toBeGreaterThan(10);
    expect(seen.unknown).toBeGreaterThan(0);
  },
);

it('a backend that is killed at any message leaves all or nothing', async () => {
  let killed: Promise<unknown> = Promise.resolve();
  const messages = await breakEverywhere(
    'client',
    () => {
      killed = db.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1', [NAME]);
      return 'pass';
    },
    async (id, outcome) => {
      await killed;
      await judge(id, outcome);
    },
  );
  expect(messages).toBeGreaterThan(15);
});

it('a COMMIT whose answer is lost is unknown, and took effect', async () => {
  const id = unique('lost');
  let isCommitted = false;
  relay.onMessage((message) => {
    isCommitted ||= message.from === 'client' && message.bytes.includes(COMMIT);
    return isCommitted && message.from === 'server' ? 'cut' : 'pass';
  });
  const error = await expectCode(signUp(id), 'connection_failed', { operation: 'transaction', outcome: 'unknown' });
  expect(error.message).toContain('COMMIT');
  relay.onMessage();
  expect(await judge(id, error)).toBe('all');
});

it('a COMMIT whose answer is lost is not unknown, if the transaction has written nothing', async () => {
  let isCommitted = false;
  relay.onMessage((message) => {
    isCommitted ||= message.from === 'client' && message.bytes.includes(COMMIT);
    return isCommitted && message.from === 'server' ? 'cut' : 'pass';
  });
  const error = await expectCode(
    storage.transaction((tx) => tx.getUser('x')),
    'connection_failed',
  );
  expect(error.retryable).toBe(true);
  expect(error.context).not.toHaveProperty('outcome');
});

it.each([COMMIT, 'INSERT INTO sessions'])('a server that is silent after %s counts as lost', async (sql) => {
  await signUp(unique('warm'));
  const id = unique('silent');
  const statement = relay.messages.filter(({ type, bytes }) => type === 'P' && bytes.includes(sql)).at(-1);
  // A prepared statement is named by its number.
  const name = statement?.bytes.subarray(5, statement.bytes.indexOf(0, 5)).toString();
  relay.onMessage((message) => {
    const isIt = message.type === 'B' && name !== undefined && message.bytes.includes(`\0${name}\0`);
    if (message.from === 'client' && (isIt || (message.type === 'Q' && message.bytes.includes(sql)))) relay.holdOpen();
    return 'pass';
  });
  const outcome = await rejection(signUp(id));
  expect(outcome.code).toBe('auth_postgres/connection_failed');
  expect(outcome.cause).toMatchObject({ code: 'ETIMEDOUT' });
  expect(outcome.context.outcome).toBe(sql === COMMIT ? 'unknown' : undefined);
  relay.onMessage();
  relay.release();
  await judge(id, outcome);
});

const never = () => new Promise<never>(() => undefined);
const refused = (tx: PostgresTransaction) => tx.getUser(7 as never);

it.each<[what: string, work: (tx: PostgresTransaction) => Promise<unknown>]>([
  ['its function throws', () => Promise.reject(new Error('own'))],
  ['a call fails and its function throws', (tx) => tx.createUser({ id: 'there' })],
  ['a call fails and its function never ends', (tx) => tx.createUser({ id: 'there' }).catch(never)],
  ['a call is refused and its function throws', refused],
  ['a call is refused and its function never ends', (tx) => refused(tx).catch(never)],
])('timeoutMs ends a transaction whose ROLLBACK gets no answer, when %s', async (_, work) => {
  await storage.createUser({ id: 'there' }).catch(() => undefined);
  for (const end of ['timeoutMs', 'disconnect']) {
    relay.onMessage(({ type, bytes }) => {
      if (type === 'Q' && bytes.includes('ROLLBACK')) {
        relay.holdOpen();
        if (end === 'disconnect') void storage.disconnect({ timeoutMs: 100 });
      }
      return 'pass';
    });
    const timeoutMs = end === 'timeoutMs' ? 400 : 30_000;
    const started = performance.now();
    await expectCode(
      storage.transaction(
        async (tx) => {
          await tx.getUser('x');
          return work(tx);
        },
        { timeoutMs },
      ),
      'cancelled',
      { operation: 'transaction' },
    );
    expect(performance.now() - started).toBeLessThan(1_500);
    relay.onMessage();
    relay.release();
    await until(isAtRest);
    if (end === 'disconnect') await storage.connect();
  }
});

it('a transaction that is given up while COMMIT runs is cancelled with an unknown outcome', async () => {
  await signUp(unique('warm'));
  for (const end of ['timeoutMs', 'signal', 'disconnect']) {
    const id = unique('given-up');
    const controller = new AbortController();
    relay.onMessage((message) => {
      if (message.type === 'Q' && message.bytes.includes(COMMIT)) {
        relay.holdOpen();
        setTimeout(() => controller.abort(), 50);
        if (end === 'disconnect') void storage.disconnect({ timeoutMs: 50 });
      }
      return 'pass';
    });
    const whole = storage.transaction(
      (tx) => tx.createUser({ id }),
      end === 'signal' ? { signal: controller.signal } : end === 'timeoutMs' ? { timeoutMs: 400 } : {},
    );
    const error = await expectCode(whole, 'cancelled', { operation: 'transaction', outcome: 'unknown' });
    expect(error.retryable).toBe(false);
    relay.onMessage();
    relay.release();
    await until(isAtRest);
    expect([0, 1]).toContain((await db.query('SELECT FROM users WHERE id = $1', [id])).length);
    if (end === 'disconnect') await storage.connect();
  }
});

it('a COMMIT that the server answers with ROLLBACK is an error', async () => {
  const saboteur = await Saboteur.start(db.url);
  const sabotaged = db.adapter({}, saboteur.url);
  const whole = sabotaged.transaction((tx) => tx.createUser({}));
  await expectCode(whole, 'query_failed', { operation: 'transaction', sqlState: '25P02' });
  await sabotaged.disconnect();
  await saboteur.close();
});

it('an idle connection that has died is replaced before BEGIN', async () => {
  await storage.getUser('x');
  await db.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1', [NAME]);
  const id = unique('replaced');
  await signUp(id);
  expect(await rowsOf(id)).toBe(3);
});
