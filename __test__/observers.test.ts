/** What observes calls learns of all of them, and changes nothing of what they come to. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel';
import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { instrument } from '@kitiumai/auth-postgres/otel';
import type { Tracer, TracerProvider } from '@opentelemetry/api';
import { useDatabase } from './helpers/database';
import { expectCode, rejection } from './helpers/errors';
import { whileFailing, whileLocked } from './helpers/failing';
import { unique } from './helpers/fixtures';

const db = useDatabase();
const N = 64;

const broken = () => {
  throw new Error('broken');
};
const quiet = { debug: () => undefined, info: () => undefined, error: () => undefined };

/** A span or a tracer that throws whatever is asked of it, or only at the end of a span. */
const brokenTracer = (startSpan: Tracer['startSpan']) =>
  ({ getTracer: () => ({ startSpan, startActiveSpan: broken }) }) as unknown as TracerProvider;
const noSpan = { setAttribute: () => noSpan, setAttributes: () => noSpan, setStatus: () => noSpan, end: broken };

const OBSERVERS: Record<string, () => { storage: PostgresStorageAdapter; stop?: () => void }> = {
  'a logger of slow calls that throws': () => ({
    storage: db.adapter({ slowCallMs: 1, logLevel: 'warn', logger: { ...quiet, warn: broken } }),
  }),
  'a logger of slow calls that rejects': () => ({
    storage: db.adapter({ slowCallMs: 1, logLevel: 'warn', logger: { ...quiet, warn: async () => broken() } }),
  }),
  'a tracer that throws': () => {
    const storage = db.adapter();
    return { storage, stop: instrument(storage, { tracerProvider: brokenTracer(broken) }) };
  },
  'a span that throws at its end': () => {
    const storage = db.adapter();
    return { storage, stop: instrument(storage, { tracerProvider: brokenTracer(() => noSpan as never) }) };
  },
  'a subscriber that freezes the message': () => {
    const names = ['createUser', 'getUser', 'transaction'].map((name) => `tracing:auth-postgres:${name}:start`);
    for (const name of names) subscribe(name, Object.freeze);
    return {
      storage: db.adapter(),
      stop: () => {
        for (const name of names) unsubscribe(name, Object.freeze);
      },
    };
  },
};

describe.each(Object.keys(OBSERVERS))('%s', (name) => {
  let warn: jest.SpyInstance;
  beforeEach(() => {
    warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  });
  afterEach(() => warn.mockRestore());

  it(`changes nothing of ${N} good calls and a bad one, nor of transactions`, async () => {
    const observer = OBSERVERS[name]?.();
    if (observer === undefined) throw new Error(name);
    const { storage, stop } = observer;
    await observed(storage).finally(() => stop?.());
  });

  async function observed(storage: PostgresStorageAdapter): Promise<void> {
    const emails = Array.from({ length: N }, () => unique('observed'));
    const users = await Promise.all(emails.map((email) => storage.createUser({ email })));
    const [first] = users;
    expect(await Promise.all(users.map(({ id }) => storage.getUser(id)))).toEqual(users);
    await expectCode(storage.createUser({ id: first?.id }), 'conflict');
    const own = new Error('own');
    expect(await storage.transaction(() => 'value')).toBe('value');
    await expect(storage.transaction(() => Promise.reject(own))).rejects.toBe(own);
    const { createUser, getUser, transaction } = storage.stats().calls;
    expect([createUser?.durationSeconds.count, createUser?.errors]).toEqual([N + 1, { 'auth_postgres/conflict': 1 }]);
    expect([getUser?.durationSeconds.count, getUser?.running]).toEqual([N, 0]);
    expect([transaction?.durationSeconds.count, transaction?.running]).toEqual([2, 0]);
    await storage.disconnect();
    await new Promise((resolve) => setTimeout(resolve, 10));
    // Of each call that took long enough, for the loggers. A frozen message is no error.
    expect(warn.mock.calls.length > 0).toBe(!name.includes('freezes'));
    for (const [text] of warn.mock.calls) expect(text).toMatch(/threw: broken$/);
  }
});

describe('transactions', () => {
  it('are counted once each, with the codes of those that fail, as are the calls that they refuse', async () => {
    const storage = db.adapter();
    const { id } = await storage.createUser({});
    const works = Array.from({ length: 256 }, (_, at) => {
      if (at % 8 === 0) return () => Promise.reject(new Error('own'));
      if (at % 8 === 1) return (tx: Parameters<Parameters<typeof storage.transaction>[0]>[0]) => tx.createUser({ id });
      return () => undefined;
    });
    await Promise.allSettled(works.map((work) => storage.transaction(work)));
    await expectCode(storage.transaction(undefined as never), 'invalid_input');
    await expectCode(
      storage.transaction(() => 1, { retries: -1 }),
      'invalid_input',
    );
    await expectCode(
      storage.transaction(() => 1, { signal: AbortSignal.abort() }),
      'cancelled',
    );
    await rejection(
      storage.transaction(async (tx) => {
        await rejection(tx.createUser({ id }));
        await rejection(tx.getUser(id));
      }),
    );
    const { transaction, getUser } = storage.stats().calls;
    expect(transaction?.durationSeconds.count).toBe(256 + 4);
    expect(transaction?.running).toBe(0);
    expect(transaction?.errors).toEqual({
      'auth_postgres/conflict': 32 + 1,
      'auth_postgres/invalid_input': 2,
      'auth_postgres/cancelled': 1,
    });
    expect(getUser?.errors).toEqual({ 'auth_postgres/transaction_aborted': 1 });
    await storage.disconnect();
  });

  it('are counted once with their repetitions, and run while their function runs', async () => {
    const storage = db.adapter({ maxRetries: 0 });
    let isRunning: number | undefined;
    await whileFailing(db, '40001', { times: 1 }, () =>
      storage.transaction(
        (tx) => {
          isRunning = storage.stats().calls.transaction?.running;
          return tx.createUser({}).then(() => undefined);
        },
        { retries: 3 },
      ),
    );
    expect(isRunning).toBe(1);
    expect(storage.stats().calls.transaction).toMatchObject({ running: 0, errors: {}, durationSeconds: { count: 1 } });
    await storage.disconnect();
  });

  it('that find no connection count as such', async () => {
    const storage = db.adapter({ max: 1, connectionTimeoutMillis: 200 });
    await storage.transaction(async () => {
      await expectCode(
        storage.transaction(() => 1),
        'pool_timeout',
      );
    });
    expect(storage.stats().calls.transaction?.errors).toEqual({ 'auth_postgres/pool_timeout': 1 });
    await storage.disconnect();
  });

  it('are published, and logged if they are slow', async () => {
    const seen: [string, unknown][] = [];
    const lines: unknown[] = [];
    const logger = { ...quiet, warn: (...line: unknown[]) => lines.push(line) };
    const storage = db.adapter({ logger, slowCallMs: 100, logLevel: 'warn' });
    const handlers = ['start', 'end', 'asyncStart', 'asyncEnd'].map((event) => {
      const handler = (call: unknown) => {
        seen.push([event, { ...(call as object) }]);
      };
      subscribe(`tracing:auth-postgres:transaction:${event}`, handler);
      return () => unsubscribe(`tracing:auth-postgres:transaction:${event}`, handler);
    });
    await storage.transaction(async (tx) => {
      await tx.getUser('x');
      await new Promise((resolve) => setTimeout(resolve, 120));
    });
    for (const stop of handlers) stop();
    expect(seen.map(([event]) => event)).toEqual(['start', 'end', 'asyncStart', 'asyncEnd']);
    expect(seen[3]?.[1]).toMatchObject({ operation: 'transaction', attempts: 1, rows: undefined });
    expect(lines).toEqual([['slow call', expect.objectContaining({ operation: 'transaction', attempts: 1 })]]);
    await storage.disconnect();
  });
});

it('a level above `warn` has no lines of slow calls', async () => {
  const lines: unknown[] = [];
  const logger = { ...quiet, warn: (...line: unknown[]) => lines.push(line) };
  const storage = db.adapter({ logger, slowCallMs: 1, logLevel: 'error' });
  await storage.transaction(() => new Promise((resolve) => setTimeout(resolve, 10)));
  expect(lines).toEqual([]);
  await storage.disconnect();
});

it('the end of a call is published in the context that a store was bound to', async () => {
  const store = new AsyncLocalStorage<string>();
  const channel = tracingChannel('auth-postgres:getUser');
  channel.start.bindStore(store, () => 'bound');
  const seen: (string | undefined)[] = [];
  const note = () => {
    seen.push(store.getStore());
  };
  const handlers = { start: note, end: note, asyncStart: note, asyncEnd: note, error: note };
  channel.subscribe(handlers);
  await db.storage.getUser('x');
  await rejection(db.storage.getUser(1 as never));
  channel.unsubscribe(handlers);
  channel.start.unbindStore(store);
  expect(seen).toEqual(Array.from({ length: 9 }, () => 'bound'));
});

it('a call that is given up tells how often it was sent', async () => {
  const storage = db.adapter({ maxRetries: 50 });
  const seen: { attempts: number }[] = [];
  const note = (call: unknown) => {
    seen.push(call as (typeof seen)[number]);
  };
  subscribe('tracing:auth-postgres:createUser:asyncEnd', note);
  await whileFailing(db, '40001', {}, async () => {
    await expectCode(storage.createUser({}, { timeoutMs: 1_000 }), 'cancelled');
  });
  unsubscribe('tracing:auth-postgres:createUser:asyncEnd', note);
  expect(seen[0]?.attempts).toBeGreaterThan(2);
  await storage.disconnect();
});

it.each([
  ['timeoutMs', { timeoutMs: 20 }],
  ['signal', {}],
])(`calls of a transaction behind one that is given up by %s know why they fail`, async (by, options) => {
  const storage = db.adapter();
  const { id } = await storage.createUser({});
  await whileLocked(db, 'SELECT FROM users WHERE id = $1 FOR UPDATE', [id], async () => {
    for (let round = 0; round < 10; round += 1) {
      const errors: unknown[] = [];
      await rejection(
        storage.transaction(async (tx) => {
          const abort = new AbortController();
          const given = by === 'signal' ? { signal: abort.signal } : options;
          setTimeout(() => abort.abort(), 20);
          const first = rejection(tx.updateUser(id, { name: 'x' }, given));
          const others = Array.from({ length: N }, () => rejection(tx.getUser(id)));
          await first;
          errors.push(...(await Promise.all(others)));
        }),
      );
      for (const error of errors)
        expect(error).toMatchObject({
          code: 'auth_postgres/transaction_aborted',
          cause: { code: 'auth_postgres/cancelled' },
        });
    }
  });
  await storage.disconnect();
});
