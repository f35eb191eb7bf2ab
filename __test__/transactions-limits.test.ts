/** What ends a transaction from outside: its time limit, a signal, `disconnect()`, the server; and a pool that is used up. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { InternalError, PostgresTransaction } from '@kitiumai/auth-postgres';
import { Collector } from './helpers/collector';
import { useDatabase } from './helpers/database';
import { expectCode, rejection } from './helpers/errors';
import { backendsOf, until, whileLocked } from './helpers/failing';
import { unique, userInput } from './helpers/fixtures';
import { runScript } from './helpers/process';

const db = useDatabase();
const NAME = 'transactions-limits';
const never = () => new Promise<never>(() => undefined);
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const adapter = (options = {}) => db.adapter({ application_name: NAME, ...options });

/** No backend of the adapters' is in a transaction or holds a lock. */
async function isAtRest(): Promise<boolean> {
  const busy = await db.query(
    `SELECT FROM pg_stat_activity AS a
      WHERE application_name = $1
        AND (state <> 'idle' OR EXISTS (SELECT FROM pg_locks AS l WHERE l.pid = a.pid AND l.locktype <> 'virtualxid'))`,
    [NAME],
  );
  return busy.length === 0;
}

const isIdleInTransaction = async () =>
  (await db.query(`SELECT FROM pg_stat_activity WHERE application_name = $1 AND state = 'idle in transaction'`, [NAME]))
    .length > 0;

/** Whoever ends the transaction, at each moment at which that can happen. */
const STAGES: [when: string, work: (tx: PostgresTransaction, id: string) => Promise<unknown>, isLocked: boolean][] = [
  ['before its first call', never, false],
  ['between its calls', (tx, id) => tx.updateUser(id, { name: 'never' }).then(never), false],
  ['while a call waits for a lock', (tx, id) => tx.updateUser(id, { name: 'never' }), true],
  [
    'while calls wait for their turns',
    (tx, id) => Promise.all(Array.from({ length: 10 }, () => tx.updateUser(id, { name: 'never' }))),
    true,
  ],
];

describe.each(STAGES)('a transaction that is ended %s', (_, work, isLocked) => {
  const enders: [by: string, options: (controller: AbortController) => object, message: string][] = [
    ['timeoutMs', () => ({ timeoutMs: 200 }), 'gave up after 200 ms'],
    [
      'its signal',
      (controller) => {
        setTimeout(() => controller.abort(), 200);
        return { signal: controller.signal };
      },
      'the signal was aborted',
    ],
  ];

  it.each(enders)('by %s rejects with cancelled, and is undone on the server', async (_by, options, message) => {
    const storage = adapter();
    const { id } = await storage.createUser({});
    const made = unique('made');
    const run = async () => {
      const error = await expectCode(
        storage.transaction(async (tx) => {
          await tx.createUser({ id: made });
          return work(tx, id);
        }, options(new AbortController())),
        'cancelled',
        { operation: 'transaction' },
      );
      expect(error.message).toContain(message);
      expect(error.retryable).toBe(true);
      expect(error.context).not.toHaveProperty('outcome');
      await until(isAtRest);
    };
    if (isLocked) await whileLocked(db, 'SELECT FROM users WHERE id = $1 FOR UPDATE', [id], run);
    else await run();
    expect(await storage.getUser(made)).toBeNull();
    expect(await storage.getUser(id)).not.toHaveProperty('name');
    // The connection is fit for others.
    expect((await storage.healthCheck()).pool.total).toBeLessThanOrEqual(2);
    await storage.disconnect();
  });
});

it('a signal that was aborted before, or timeoutMs: 0, sends nothing', async () => {
  const storage = adapter({ application_name: 'sends-nothing' });
  const controller = new AbortController();
  controller.abort();
  const called = jest.fn();
  await expectCode(storage.transaction(called, { signal: controller.signal }), 'cancelled');
  await expectCode(storage.transaction(called, { timeoutMs: 0 }), 'cancelled');
  expect(called).not.toHaveBeenCalled();
  expect(await backendsOf(db, 'sends-nothing')).toEqual([]);
  await storage.disconnect();
});

it('a signal that is aborted while the transaction waits for a connection ends it at once', async () => {
  const storage = adapter({ max: 1 });
  const controller = new AbortController();
  await storage.transaction(async () => {
    setTimeout(() => controller.abort(), 50);
    const inner = storage.transaction(never, { signal: controller.signal });
    await expectCode(inner, 'cancelled', { operation: 'transaction' });
  });
  await storage.disconnect();
});

it('timeoutMs covers the wait for a connection', async () => {
  const storage = adapter({ max: 1 });
  const called = jest.fn();
  await storage.transaction(async () => {
    const error = await expectCode(storage.transaction(called, { timeoutMs: 100 }), 'cancelled');
    expect(error.message).toContain('gave up after 100 ms');
  });
  expect(called).not.toHaveBeenCalled();
  await storage.disconnect();
});

it('timeoutMs ends the transaction on the server also while JavaScript computes', async () => {
  const storage = adapter();
  const { id } = await storage.createUser({});
  const other = db.adapter();
  let update: Promise<unknown> = Promise.resolve();
  const whole = storage.transaction(
    async (tx) => {
      await tx.updateUser(id, { name: 'never' });
      update = other.updateUser(id, { name: 'other' });
      await sleep(20);
      const end = Date.now() + 1_000;
      while (Date.now() < end);
    },
    { timeoutMs: 200 },
  );
  await expectCode(whole, 'cancelled');
  await expect(update).resolves.toMatchObject({ name: 'other' });
  expect(await other.getUser(id)).toMatchObject({ name: 'other' });
  await Promise.all([storage.disconnect(), other.disconnect()]);
});

it('a function that goes on after the end gets transaction_aborted, and what it comes to is ignored', async () => {
  const storage = adapter();
  // A connection is there, so that the function is called in time.
  await storage.getUser('x');
  let goOn: () => void = () => undefined;
  let heard: (error: unknown) => void = () => undefined;
  const outcome = new Promise((resolve) => {
    heard = resolve;
  });
  const whole = storage.transaction(
    async (tx) => {
      await new Promise<void>((resolve) => {
        goOn = resolve;
      });
      heard(await rejection(tx.createUser({})));
      throw new Error('nobody hears this');
    },
    { timeoutMs: 1_000 },
  );
  await expectCode(whole, 'cancelled');
  goOn();
  expect(await outcome).toMatchObject({
    code: 'auth_postgres/transaction_aborted',
    cause: { code: 'auth_postgres/cancelled' },
  });
  await storage.disconnect();
});

/** What a function makes of calls that reject because the transaction has ended. */
const REACTIONS: [string, (reading: Promise<never>[]) => Promise<unknown>][] = [
  ['rejects with the error of one of them', (reading) => Promise.all(reading)],
  ['swallows their errors', (reading) => Promise.allSettled(reading)],
  [
    'rejects with an error of its own',
    (reading) =>
      Promise.all(reading).catch(() => {
        throw new Error('own');
      }),
  ],
];
const LIMITS: [string, (ms: number) => object][] = [
  ['timeoutMs', (timeoutMs) => ({ timeoutMs })],
  ['a signal', (ms) => ({ signal: AbortSignal.timeout(ms) })],
];

describe.each(LIMITS)('the error of a transaction that is ended by %s while its calls run', (_, limit) => {
  it.each(REACTIONS)('says so if the function %s', async (_, react) => {
    const storage = adapter({ max: 16 });
    const { id } = await storage.createUser({});
    const heard: InternalError[] = [];
    const one = (ms: number) =>
      rejection(
        storage.transaction(async (tx) => {
          const readOn = async (): Promise<never> => {
            try {
              for (;;) await tx.getUser(id);
            } catch (error) {
              heard.push(error as InternalError);
              throw error;
            }
          };
          return react([readOn(), readOn(), readOn()]);
        }, limit(ms)),
      );
    const errors: unknown[] = [];
    for (let round = 0; round < 20; round += 1) {
      errors.push(...(await Promise.all(Array.from({ length: 12 }, (_, at) => one(120 + at)))));
    }
    const saysSo = (error: unknown) => (error as InternalError).code === 'auth_postgres/cancelled';
    expect(errors.filter((error) => !saysSo(error))).toEqual([]);
    expect(heard.length).toBeGreaterThan(errors.length);
    expect(heard.filter((error) => !saysSo(error) && !saysSo(error.cause ?? error))).toEqual([]);
    await storage.disconnect();
  });
});

it.each([
  ['swallowed', never],
  ['replaced by one of its own', () => sleep(100).then(() => Promise.reject(new Error('own')))],
])(
  'a transaction that is ended says so, or what its function says, but not which call had failed before: %s',
  async (_, goOn) => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 64 }, () =>
        db.storage.transaction((tx) => tx.updateUser('nobody', {}).catch(goOn), { timeoutMs: 100 }),
      ),
    );
    const codes = outcomes.map(
      (outcome) => outcome.status === 'rejected' && (outcome.reason.code ?? outcome.reason.message),
    );
    expect([...new Set(codes)].sort()).toEqual(expect.arrayContaining(['auth_postgres/cancelled']));
    expect(codes.filter((code) => code !== 'auth_postgres/cancelled' && code !== 'own')).toEqual([]);
  },
);

it('a call of a transaction that is given up ends the transaction', async () => {
  const storage = adapter();
  const { id } = await storage.createUser({});
  await whileLocked(db, 'SELECT FROM users WHERE id = $1 FOR UPDATE', [id], async () => {
    let first: unknown;
    const whole = storage.transaction(async (tx) => {
      first = await tx.updateUser(id, { name: 'never' }, { timeoutMs: 50 }).catch((error) => error);
      await expectCode(tx.getUser(id), 'transaction_aborted');
    });
    const error = await expectCode(whole, 'cancelled', { operation: 'updateUser' });
    expect(error).toBe(first);
    expect(error.retryable).toBe(true);
    expect(error.context).not.toHaveProperty('outcome');
    await until(isAtRest);
  });
  await storage.disconnect();
});

describe('disconnect()', () => {
  it('waits for a transaction that ends in time', async () => {
    const storage = adapter();
    const id = unique('in-time');
    const whole = storage.transaction(async (tx) => {
      await tx.createUser({ id });
      await sleep(200);
      await tx.updateUser(id, { name: 'in time' });
      return 'done';
    });
    await until(isIdleInTransaction);
    await Promise.all([storage.disconnect(), expect(whole).resolves.toBe('done')]);
    expect(await db.storage.getUser(id)).toMatchObject({ name: 'in time' });
  });

  it('ends a transaction that outlives its deadline as cancelled, on the server as well', async () => {
    const storage = adapter();
    const { id } = await storage.createUser({});
    const whole = storage.transaction(async (tx) => {
      await tx.updateUser(id, { name: 'never' });
      await never();
    });
    await until(isIdleInTransaction);
    const rejected = expectCode(whole, 'cancelled', { operation: 'transaction' });
    await storage.disconnect({ timeoutMs: 50 });
    expect((await rejected).message).toContain('disconnect()');
    await until(async () => (await backendsOf(db, NAME)).length === 0);
    expect(await db.storage.getUser(id)).not.toHaveProperty('name');
    await expectCode(storage.transaction(never), 'not_connected', { operation: 'transaction' });
  });
});

describe('the server', () => {
  it('may end an idle transaction by idle_in_transaction_session_timeout, and the error says so', async () => {
    const storage = adapter({ idle_in_transaction_session_timeout: 100 });
    const whole = storage.transaction(async (tx) => {
      await tx.createUser({});
      await sleep(400);
      await tx.createUser({});
    });
    const error = await expectCode(whole, 'connection_failed', { operation: 'createUser' });
    expect(error.message).toContain('idle_in_transaction_session_timeout');
    expect(error.context).not.toHaveProperty('outcome');
    await expect(storage.transaction((tx) => tx.createUser({}))).resolves.toBeDefined();
    await storage.disconnect();
  });

  it('ends a statement by statementTimeoutMs or lock_timeout, and so the transaction', async () => {
    const { id } = await db.storage.createUser({});
    await whileLocked(db, 'SELECT FROM users WHERE id = $1 FOR UPDATE', [id], async () => {
      for (const [options, code] of [
        [{ statementTimeoutMs: 100 }, 'statement_timeout'],
        [{ lock_timeout: 100 }, 'lock_timeout'],
      ] as const) {
        const storage = adapter(options);
        const error = await expectCode(
          storage.transaction((tx) => tx.updateUser(id, { name: 'x' })),
          code,
          { operation: 'updateUser', attempts: 1 },
        );
        expect(error.retryable).toBe(true);
        expect(await isAtRest()).toBe(true);
        await storage.disconnect();
      }
    });
  });
});

describe('a pool that transactions use up', () => {
  it('is told to the log and by the error, if a call on the adapter waits inside of a function', async () => {
    const logger = new Collector();
    const storage = adapter({ max: 2, connectionTimeoutMillis: 400, logger, logLevel: 'warn' });
    const errors = await storage.transaction(() =>
      storage.transaction(() =>
        Promise.all([rejection(storage.createUser(userInput())), rejection(storage.listRoles('x'))]),
      ),
    );
    for (const error of errors) {
      expect(error.code).toBe('auth_postgres/pool_timeout');
      expect(error.message).toContain('transactions hold 2 of 2');
      expect(error.message).toContain('`tx`');
    }
    const lines = logger.lines.filter(({ message }) => message.includes('transactions hold'));
    expect(lines).toEqual([
      {
        level: 'warn',
        message: expect.stringContaining('`tx`'),
        fields: { transactions: 2, connections: 2, waiting: expect.any(Number) },
      },
    ]);
    await storage.disconnect();
  });

  it('keeps a quarter of its connections for other calls', async () => {
    const storage = adapter({ max: 4 });
    let running = 0;
    let most = 0;
    const ends: (() => void)[] = [];
    const transactions = Array.from({ length: 8 }, () =>
      storage.transaction(async (tx) => {
        running += 1;
        most = Math.max(most, running);
        await tx.getUser('x');
        await new Promise<void>((resolve) => ends.push(resolve));
        running -= 1;
      }),
    );
    await until(async () => ends.length === 3);
    await expect(storage.createUser(userInput())).resolves.toBeDefined();
    await until(async () => {
      for (const end of ends.splice(0)) end();
      return running === 0 && (await Promise.race([Promise.all(transactions), sleep(20)])) !== undefined;
    });
    await Promise.all(transactions);
    expect(most).toBe(3);
    await storage.disconnect();
  });
});

it('the function, its calls and the log run in the async context of whoever called transaction', async () => {
  const context = new AsyncLocalStorage<string>();
  const seen: [string, string | undefined][] = [];
  const logger = Object.fromEntries(
    ['debug', 'info', 'warn', 'error'].map((level) => [
      level,
      (message: string) => void seen.push([message, context.getStore()]),
    ]),
  ) as unknown as Console;
  const storage = adapter({ logger });
  await Promise.all(
    ['a', 'b', 'c'].map((name) =>
      context.run(name, () =>
        storage.transaction(async (tx) => {
          expect(context.getStore()).toBe(name);
          await tx.createUser({});
          expect(context.getStore()).toBe(name);
        }),
      ),
    ),
  );
  for (const message of ['statement', 'transaction committed']) {
    const stores = seen.filter(([line]) => line === message).map(([, store]) => store);
    expect(stores.sort()).toEqual(['a', 'b', 'c']);
  }
  await storage.disconnect();
});

it('a worker thread that is terminated leaves no transaction behind', async () => {
  const { id } = await db.storage.createUser({});
  const worker = new Worker(
    `
      const { parentPort, workerData } = require('node:worker_threads');
      const { PostgresStorageAdapter } = require(workerData.root);
      const storage = new PostgresStorageAdapter(workerData.url);
      storage.transaction(async (tx) => {
        await tx.updateUser(workerData.id, { name: 'never' });
        parentPort.postMessage('locked');
        await new Promise(() => {});
      });
    `,
    { eval: true, workerData: { root: join(__dirname, '..'), url: db.url, id } },
  );
  await once(worker, 'message');
  await worker.terminate();
  await expect(db.storage.updateUser(id, { name: 'free' }, { timeoutMs: 5_000 })).resolves.toBeDefined();
});

it('a process with an open transaction ends when that has ended', async () => {
  const script = `
    import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
    const storage = new PostgresStorageAdapter(process.env.URL);
    storage.transaction(() => new Promise(() => {}), { timeoutMs: 300 }).catch(({ code }) => console.log(code));
  `;
  const { stdout } = await runScript(script, { env: { URL: db.url } });
  expect(stdout.trim()).toBe('auth_postgres/cancelled');
});
