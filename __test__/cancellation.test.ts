/** Cancelling a call with `signal` or `timeoutMs`. */
import { useDatabase } from './helpers/database';
import { expectCode, expectInvalidInput, rejection } from './helpers/errors';
import { backendsOf, timeOf, until, whileLocked } from './helpers/failing';
import { eventInput, sessionInput, userInput } from './helpers/fixtures';
import { runScript } from './helpers/process';
import { Relay } from './helpers/relay';

const db = useDatabase();
const NAME = 'cancellation-test';
/** The backend of an adapter’s only connection, once those of earlier adapters and of cancel requests have ended. */
async function onlyBackend(): Promise<number> {
  await until(async () => (await backendsOf(db, NAME)).length === 1);
  const [backend] = await backendsOf(db, NAME);
  return backend as number;
}
const isWaiting = async () => (await backendsOf(db, NAME, { waiting: true })).length > 0;
/** No statement runs any more. */
const isQuiet = async () =>
  (await db.query(`SELECT FROM pg_stat_activity WHERE application_name = $1 AND state <> 'idle'`, [NAME])).length === 0;

const LOCK_USER = 'SELECT 1 FROM users WHERE id = $1 FOR UPDATE';
const lockTable = (table: string) => `LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`;

const adapter = (options = {}) => db.adapter({ application_name: NAME, statementTimeoutMs: 0, ...options });

it('an aborted signal rejects the call at once, ends the statement on the server, and leaves a write’s outcome unknown', async () => {
  const storage = adapter();
  const { id } = await storage.createUser({});
  await whileLocked(db, LOCK_USER, [id], async () => {
    const controller = new AbortController();
    const update = storage.updateUser(id, { name: 'never' }, { signal: controller.signal });
    await until(isWaiting);
    controller.abort();
    const error = await expectCode(update, 'cancelled', { operation: 'updateUser', outcome: 'unknown' });
    expect(error.retryable).toBe(false);
    await until(isQuiet);
  });
  await expect(db.storage.getUser(id)).resolves.not.toHaveProperty('name');
  await storage.disconnect();
});

it('timeoutMs limits the whole call, including retries and waits', async () => {
  const storage = adapter({ maxRetries: 100 });
  const { id } = await storage.createUser({});
  await whileLocked(db, LOCK_USER, [id], async () => {
    const error = await expectCode(storage.updateUser(id, { name: 'a' }, { timeoutMs: 30 }), 'cancelled', {
      outcome: 'unknown',
    });
    expect(error.message).toContain('30 ms');
    await until(isQuiet);
  });
  await storage.disconnect();
});

it('a cancelled read has no unknown outcome and is retryable', async () => {
  const storage = adapter();
  await whileLocked(db, lockTable('users'), [], async () => {
    const error = await expectCode(storage.getUser('x', { timeoutMs: 20 }), 'cancelled', { operation: 'getUser' });
    expect(error.context).not.toHaveProperty('outcome');
    expect(error.retryable).toBe(true);
    await until(isQuiet);
  });
  await storage.disconnect();
});

it('the connection of a cancelled call is reused only after the server has confirmed the cancellation', async () => {
  const storage = adapter({ max: 1 });
  const { id } = await storage.createUser({});
  const before = await onlyBackend();
  await whileLocked(db, LOCK_USER, [id], async () => {
    for (let round = 0; round < 20; round += 1) {
      const given = storage.updateUser(id, { name: 'never' }, { timeoutMs: 5 }).catch((error) => error.code);
      const next = storage.createUser(userInput());
      expect(await given).toBe('auth_postgres/cancelled');
      await next;
    }
  });
  expect(await onlyBackend()).toBe(before);
  await storage.disconnect();
});

it('a cancel request that reaches the server before its statement is sent again', async () => {
  const relay = await Relay.start(db.url);
  const storage = db.adapter({ application_name: NAME, statementTimeoutMs: 0, max: 1 }, relay.url);
  try {
    const { id } = await storage.createUser({});
    // From now on the statement is prepared, and leaves whole.
    await storage.updateUser(id, { name: 'first' });
    const before = await onlyBackend();
    await whileLocked(db, LOCK_USER, [id], async () => {
      relay.holdOpen();
      const update = storage.updateUser(id, { name: 'never' }, { timeoutMs: 20 });
      await expectCode(update, 'cancelled', { outcome: 'unknown' });
      await until(async () => relay.statements.some((sql) => sql.includes('pg_cancel_backend')));
      // Goodbye: it has been answered.
      await until(async () => relay.messages.at(-1)?.type === 'X');
      relay.release();
      await storage.createUser(userInput());
    });
    expect(await onlyBackend()).toBe(before);
  } finally {
    await storage.disconnect({ timeoutMs: 0 });
    await relay.close();
  }
});

it('a call cancelled while it waits for a connection was never sent, and leaves the queue', async () => {
  const storage = adapter({ max: 1 });
  const { id } = await storage.createUser({});
  await whileLocked(db, LOCK_USER, [id], async (release) => {
    const running = storage.updateUser(id, { name: 'last' });
    await until(isWaiting);
    const controllers = Array.from({ length: 50 }, () => new AbortController());
    const waiting = controllers.map(({ signal }) => storage.createUser({ id: 'never' }, { signal }));
    for (const controller of controllers) controller.abort();
    for (const call of waiting) {
      const error = await expectCode(call, 'cancelled', { operation: 'createUser' });
      expect(error.context).not.toHaveProperty('outcome');
      expect(error.retryable).toBe(true);
    }
    await release();
    await expect(running).resolves.toMatchObject({ name: 'last' });
  });
  await expect(storage.healthCheck()).resolves.toMatchObject({ pool: { waiting: 0 } });
  await expect(storage.getUser('never')).resolves.toBeNull();
  await storage.disconnect();
});

it('a shared statement continues while one caller still waits for it, and is cancelled with the last caller', async () => {
  const storage = adapter({ max: 1 });
  await storage.getUser('x');
  await whileLocked(db, lockTable('sessions'), [], async (release) => {
    // The first statement holds the one connection; the next two calls share the one after it.
    const blocker = storage.updateSession('none', { plan: 'x' }).catch(() => undefined);
    await until(isWaiting);
    const controllers = [new AbortController(), new AbortController()] as const;
    const [one, two] = controllers.map(({ signal }) => storage.getSession('x', { signal }));
    const patient = storage.getSession('x');
    controllers[0].abort();
    await expectCode(one as Promise<unknown>, 'cancelled');
    await release();
    await blocker;
    await expect(two).resolves.toBeNull();
    await expect(patient).resolves.toBeNull();
  });
  await whileLocked(db, lockTable('sessions'), [], async () => {
    const controllers = [new AbortController(), new AbortController()];
    const calls = controllers.map(({ signal }) => storage.getSession('x', { signal }));
    await until(isWaiting);
    controllers[0]?.abort();
    await expectCode(calls[0] as Promise<unknown>, 'cancelled');
    controllers[1]?.abort();
    await expectCode(calls[1] as Promise<unknown>, 'cancelled');
    await until(isQuiet);
  });
  await storage.disconnect();
});

it('an event whose call is cancelled after it was sent has an unknown outcome', async () => {
  const storage = adapter();
  await whileLocked(db, lockTable('auth_events'), [], async () => {
    const controller = new AbortController();
    const emitted = storage.emitEvent(eventInput(), { signal: controller.signal });
    await until(isWaiting);
    controller.abort();
    await expectCode(emitted, 'cancelled', { operation: 'emitEvent', outcome: 'unknown' });
    await until(isQuiet);
  });
  await storage.disconnect();
});

it('a call with an aborted signal or with timeoutMs 0 is rejected without being sent', async () => {
  for (const options of [{ signal: AbortSignal.abort() }, { timeoutMs: 0 }]) {
    const error = await expectCode(db.storage.createUser({ id: 'never' }, options), 'cancelled');
    expect(error.context).not.toHaveProperty('outcome');
    expect(error.retryable).toBe(true);
  }
  await expect(db.storage.getUser('never')).resolves.toBeNull();
});

it('calls that end in time are not affected by their signal, and 100 calls can share one without a warning', async () => {
  const warnings: unknown[] = [];
  const onWarning = (warning: unknown) => warnings.push(warning);
  process.on('warning', onWarning);
  const { signal } = new AbortController();
  const calls = Array.from({ length: 100 }, () => db.storage.getUser('x', { signal, timeoutMs: 60_000 }));
  await expect(Promise.all(calls)).resolves.toEqual(calls.map(() => null));
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', onWarning);
  expect(warnings).toEqual([]);
});

it('timeoutMs may be the longest time that a timer of Node.js can hold', async () => {
  const warnings: unknown[] = [];
  const onWarning = (warning: unknown) => warnings.push(warning);
  process.on('warning', onWarning);
  await expect(db.storage.getUser('x', { timeoutMs: 2 ** 31 - 1 })).resolves.toBeNull();
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', onWarning);
  expect(warnings).toEqual([]);
});

/** Two calls under one signal wait for locks, each on a host of its own. Both hosts lead to one server. */
async function onTwoHosts(
  work: (relays: readonly [Relay, Relay], giveUp: () => Promise<void>, waiting: () => Promise<number>) => Promise<void>,
): Promise<void> {
  const relays = [await Relay.start(db.url), await Relay.start(db.url)] as const;
  const url = new URL(relays[0].url);
  const hosts = relays.map((relay) => new URL(relay.url).host).join(',');
  const storage = db.adapter(
    { application_name: NAME, statementTimeoutMs: 0, max: 4 },
    url.href.replace(url.host, hosts),
  );
  try {
    const users = await Promise.all([db.storage.createUser({}), db.storage.createUser({})]);
    const waiting = async () => (await backendsOf(db, NAME, { waiting: true })).length;
    await whileLocked(db, 'SELECT FROM users WHERE id = ANY($1) FOR UPDATE', [users.map(({ id }) => id)], async () => {
      const controller = new AbortController();
      const { signal } = controller;
      const update = (at: number) => storage.updateUser(users[at]?.id as string, { name: 'never' }, { signal });
      const calls = [update(0)];
      await until(async () => (await waiting()) === 1);
      // The next connection leads to the second host.
      relays[0].refuse();
      calls.push(update(1));
      await until(async () => (await waiting()) === 2);
      const giveUp = async () => {
        controller.abort();
        for (const call of calls) await expectCode(call, 'cancelled');
      };
      await work(relays, giveUp, waiting);
    });
  } finally {
    for (const relay of relays) await relay.close();
    await storage.disconnect({ timeoutMs: 0 });
  }
}

it('with several hosts, each statement is cancelled on the host that runs it', async () => {
  /** The server processes that were reached through a relay: BackendKeyData begins with the number of each. */
  const reached = (relay: Relay) =>
    relay.messages
      .filter(({ from, type }) => from === 'server' && type === 'K')
      .map(({ bytes }) => bytes.readInt32BE(5));
  const cancelled = (relay: Relay) =>
    relay.statements.flatMap((sql) => (sql.match(/pg_cancel_backend.*\{(\d+)\}/) ?? []).slice(1).map(Number));
  await onTwoHosts(async (relays, giveUp) => {
    relays[0].allow();
    const backends = relays.map((relay) => reached(relay)[0]);
    await giveUp();
    await until(isQuiet);
    // What matters is which of the ways to the server the cancel request takes.
    expect(relays.map((relay) => [...new Set(cancelled(relay))])).toEqual(backends.map((pid) => [pid]));
  });
});

it('a host that does not answer any more does not keep the statements at another one running', async () => {
  await onTwoHosts(async (relays, giveUp, waiting) => {
    relays[0].silence();
    relays[0].holdOpen();
    await giveUp();
    // The silent host is left two seconds to answer.
    expect(await timeOf(until(async () => (await waiting()) === 1))).toBeLessThan(1_500);
  });
});

it('one signal cancels all calls that carry it', async () => {
  const storage = adapter({ max: 4 });
  const { id } = await storage.createUser({});
  const controller = new AbortController();
  const { signal } = controller;
  await whileLocked(db, LOCK_USER, [id], async () => {
    const calls = [
      ...Array.from({ length: 20 }, () => storage.updateUser(id, { name: 'never' }, { signal })),
      storage.deleteUser(id, { signal }),
      storage.createSession(sessionInput(id), { signal }),
    ];
    await until(isWaiting);
    controller.abort();
    for (const call of calls) expect((await rejection(call)).code).toBe('auth_postgres/cancelled');
    await until(isQuiet);
  });
  await expect(storage.healthCheck()).resolves.toMatchObject({ status: 'ok', pool: { waiting: 0 } });
  await storage.disconnect();
});

describe('a signal that does not behave like an AbortSignal', () => {
  const fail = () => {
    throw new Error('deaf');
  };
  const deaf = { aborted: false, addEventListener: fail, removeEventListener: fail };
  const clinging = { aborted: false, addEventListener: () => undefined, removeEventListener: fail };
  const unreadable = Object.defineProperty({}, 'aborted', { get: fail });

  it('is rejected as invalid input when no listener can be added', async () => {
    const storage = adapter();
    const error = await expectInvalidInput(storage.getUser('x', { signal: deaf as never }), 'signal');
    expect(error.message).toBe('getUser: `signal` cannot be listened to');
    await expectInvalidInput(storage.createUser({}, { signal: deaf as never }), 'signal');
    for (const signal of [unreadable, { ...deaf, removeEventListener: undefined }, {}, 7]) {
      await expectInvalidInput(storage.getUser('x', { signal: signal as never }), 'signal');
    }
    // The next call is not taken for one that may be given up.
    await expect(storage.getUser('x')).resolves.toBeNull();
    await storage.disconnect();
  });

  it('does not keep a call from its result when the listener cannot be removed', async () => {
    const storage = adapter();
    const { id } = await storage.createUser({});
    const calls = Array.from({ length: 50 }, (_, at) =>
      storage.getUser(id, at % 2 ? { signal: clinging as never } : {}),
    );
    expect((await Promise.all(calls)).map((user) => user?.id)).toEqual(calls.map(() => id));
    await storage.disconnect();
  });

  it('does not keep the process from exiting', async () => {
    const { code, stdout } = await runScript(
      `
      import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
      const fail = () => { throw new Error('deaf'); };
      const signals = [
        { aborted: false, addEventListener: fail, removeEventListener: fail },
        { aborted: false, addEventListener: () => undefined, removeEventListener: fail },
      ];
      const storage = new PostgresStorageAdapter(process.env.URL);
      for (const signal of signals) console.log(await storage.getUser('x', { signal }).catch((error) => error.code));`,
      { env: { URL: db.url }, timeoutMs: 10_000 },
    );
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'auth_postgres/invalid_input\nnull\n' });
  });
});
