/** `transaction`: what a function does on `tx` takes effect together or not at all. */
import { InternalError, PostgresStorageAdapter, type PostgresTransaction } from '@kitiumai/auth-postgres';
import { useDatabase } from './helpers/database';
import { type Code, expectCode, expectInvalidInput, rejection } from './helpers/errors';
import { argumentsOf, call, makeScene, type Scene } from './helpers/every-method';
import { timeOf, until } from './helpers/failing';
import { emailTokenInput, eventInput, organizationInput, sessionInput, unique, userInput } from './helpers/fixtures';
import { Relay } from './helpers/relay';

const { LIFECYCLE } = require('../lib/lifecycle.js');

const db = useDatabase();
const never = () => new Promise<never>(() => undefined);
const userIds = async (ids: string[]) =>
  (await db.query<{ id: string }>('SELECT id FROM users WHERE id = ANY($1)', [ids])).map(({ id }) => id);

describe('a function that resolves', () => {
  it('has its calls committed together, and transaction resolves with what it returned', async () => {
    const result = await db.storage.transaction(async (tx) => {
      const user = await tx.createUser(userInput());
      const session = await tx.createSession(sessionInput(user.id));
      await tx.emitEvent(eventInput({ principalId: user.id }));
      expect(await userIds([user.id])).toEqual([]);
      expect(await tx.getSession(session.id)).toStrictEqual(session);
      return { user, session };
    });
    expect(await db.storage.getUser(result.user.id)).toStrictEqual(result.user);
    expect(await db.storage.getSession(result.session.id)).toStrictEqual(result.session);
    expect(await db.query('SELECT FROM auth_events WHERE principal_id = $1', [result.user.id])).toHaveLength(1);
  });

  it('may return a plain value, or nothing at all', async () => {
    await expect(db.storage.transaction(() => 7)).resolves.toBe(7);
    await expect(db.storage.transaction(() => undefined)).resolves.toBeUndefined();
  });

  it('has calls that it did not wait for committed as well', async () => {
    const ids = Array.from({ length: 20 }, () => unique('late'));
    const calls: Promise<unknown>[] = [];
    await db.storage.transaction((tx) => {
      for (const id of ids) calls.push(tx.createUser({ id }));
    });
    await Promise.all(calls);
    expect(await userIds(ids)).toHaveLength(20);
  });

  it('sends BEGIN, the statements in the order of their calls, and COMMIT, on one connection', async () => {
    const relay = await Relay.start(db.url);
    const storage = db.adapter({}, relay.url);
    await storage.getUser('warm');
    relay.reset();
    const before = unique('before');
    await storage.transaction(async (tx) => {
      const calls = Array.from({ length: 8 }, (_, at) => [
        tx.createUser({ id: `${before}${at}` }),
        tx.emitEvent(eventInput()),
        tx.getUser(`${before}${at}`),
      ]);
      const results = await Promise.all(calls.flat());
      expect(results.filter((_, at) => at % 3 === 2)).toEqual(results.filter((_, at) => at % 3 === 0));
    });
    const statements = relay.messages.filter(({ from, type }) => from === 'client' && (type === 'B' || type === 'Q'));
    expect(new Set(statements.map(({ connection }) => connection)).size).toBe(1);
    expect(statements).toHaveLength(2 + 24);
    expect(relay.statements[0]).toBe('BEGIN ISOLATION LEVEL READ COMMITTED');
    expect(relay.statements.at(-1)).toBe('SELECT; COMMIT');
    await storage.disconnect();
    await relay.close();
  });

  it('does not share a connection or a statement with calls on the adapter', async () => {
    const relay = await Relay.start(db.url);
    const storage = db.adapter({}, relay.url);
    let outside: Promise<unknown>[] = [];
    await storage.transaction(async (tx) => {
      outside = Array.from({ length: 32 }, () => storage.createUser(userInput()));
      await Promise.all(Array.from({ length: 32 }, () => tx.createUser(userInput())));
      await Promise.all(outside);
    });
    const begin = relay.messages.find((message) => message.type === 'Q' && message.bytes.includes('BEGIN ISOLATION'));
    const inside = relay.messages.filter(
      ({ from, type, connection }) => from === 'client' && type === 'B' && connection === begin?.connection,
    );
    expect(inside.length).toBeGreaterThanOrEqual(32);
    expect(inside.length).toBeLessThanOrEqual(34);
    await storage.disconnect();
    await relay.close();
  });
});

describe('a function that rejects', () => {
  it.each([
    ['an error of its own', new Error('mine')],
    ['undefined', undefined],
    ['a string', 'text'],
  ])('has everything undone, and transaction rejects with the same value: %s', async (_, thrown) => {
    const id = unique('undone');
    const outcome = await db.storage
      .transaction(async (tx) => {
        await tx.createUser({ id });
        throw thrown;
      })
      .then(
        () => 'resolved',
        (error) => ({ error }),
      );
    expect(outcome).toEqual({ error: thrown });
    expect((outcome as { error: unknown }).error).toBe(thrown);
    expect(await userIds([id])).toEqual([]);
  });

  it('has everything undone also if it throws before it returns a promise', async () => {
    const thrown = new Error('at once');
    await expect(
      db.storage.transaction(() => {
        throw thrown;
      }),
    ).rejects.toBe(thrown);
  });

  it('has its connection back in the pool, at rest and without locks, when transaction rejects', async () => {
    const storage = db.adapter({ application_name: 'rejects', max: 1 });
    const { id } = await storage.createUser({});
    for (let round = 0; round < 20; round += 1) {
      await storage
        .transaction(async (tx) => {
          await tx.updateUser(id, { name: 'locked' });
          throw new Error('mine');
        })
        .catch(() => undefined);
      const rows = await db.query('SELECT state FROM pg_stat_activity WHERE application_name = $1', ['rejects']);
      expect(rows).toEqual([{ state: 'idle' }]);
    }
    await storage.disconnect();
  });

  it('ends a call that still runs', async () => {
    const { id } = await db.storage.createUser({});
    let update: Promise<unknown> = Promise.resolve();
    await db.storage.transaction(async (outer) => {
      await outer.updateUser(id, { name: 'held' });
      await expect(
        db.storage.transaction(async (tx) => {
          update = tx.updateUser(id, { name: 'waits' });
          update.catch(() => undefined);
          await new Promise((resolve) => setTimeout(resolve, 100));
          throw new Error('mine');
        }),
      ).rejects.toThrow('mine');
    });
    await expectCode(update, 'transaction_aborted');
    expect(await db.storage.getUser(id)).toMatchObject({ name: 'held' });
  });
});

describe('a call that rejects ends the transaction', () => {
  const FAILING: [what: string, code: Code, call: (tx: PostgresTransaction) => Promise<unknown>][] = [
    ['a statement that the server refuses', 'invalid_reference', (tx) => tx.createSession(sessionInput('nobody'))],
    ['a row that is missing', 'not_found', (tx) => tx.updateUser('nobody', { name: 'x' })],
    ['input that the facade refuses', 'invalid_input', (tx) => tx.getUser('\ud800')],
    ['input that the core refuses', 'invalid_input', (tx) => tx.createUser({ id: 'x'.repeat(2_000) })],
    ['a key that the core refuses at once', 'invalid_input', (tx) => tx.getUser('\0')],
    ['a call that was given up', 'cancelled', (tx) => tx.getUser('x', { timeoutMs: 0 })],
  ];

  it.each(FAILING)('also if the function catches its error: %s', async (_, code, call) => {
    const [before, after] = [unique('before'), unique('after')];
    let first: unknown;
    let later: unknown;
    const whole = await rejection(
      db.storage.transaction(async (tx) => {
        await tx.createUser({ id: before });
        first = await call(tx).catch((error) => error);
        later = await tx.createUser({ id: after }).catch((error) => error);
        return 'swallowed';
      }),
    );
    expect(whole).toBe(first);
    expect(whole.code).toBe(`auth_postgres/${code}`);
    expect(later).toMatchObject({
      code: 'auth_postgres/transaction_aborted',
      retryable: false,
      cause: { message: whole.message, code: whole.code },
    });
    expect(await userIds([before, after])).toEqual([]);
  });

  it.each(FAILING)('before those that were made with it, which say why: %s', async (_, code, call) => {
    const errors: InternalError[] = [];
    const whole = await rejection(
      db.storage.transaction(async (tx) => {
        const calls = [call(tx), tx.createUser({}), tx.getUser('x'), tx.emitEvent(eventInput())];
        // All answers have come when JavaScript takes the first.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
        errors.push(...(await Promise.all(calls.map((made) => rejection(made)))));
      }),
    );
    expect(whole.code).toBe(`auth_postgres/${code}`);
    expect(errors[0]).toBe(whole);
    const { message } = whole;
    for (const error of errors.slice(1)) {
      expect(error).toMatchObject({ code: 'auth_postgres/transaction_aborted', cause: { message, code: whole.code } });
    }
  });

  it('and a function that passes on a later error rejects with the first one', async () => {
    let first: unknown;
    const whole = await rejection(
      db.storage.transaction(async (tx) => {
        first = await tx.updateUser('nobody', { name: 'x' }).catch((error) => error);
        await tx.createUser({});
      }),
    );
    expect(whole).toBe(first);
  });

  it('and a function may reject with an error of its own about it', async () => {
    const mine = new Error('mine');
    await expect(
      db.storage.transaction(async (tx) => {
        await tx.updateUser('nobody', { name: 'x' }).catch(() => undefined);
        throw mine;
      }),
    ).rejects.toBe(mine);
  });

  it.each(FAILING)('and its locks, although the function goes on: %s', async (_, code, call) => {
    const { id } = await db.storage.createUser({});
    const whole = db.storage.transaction(async (tx) => {
      await tx.updateUser(id, { name: 'locked' });
      await call(tx).catch(() => undefined);
      await db.storage.updateUser(id, { name: 'free' }, { timeoutMs: 2_000 });
    });
    await expectCode(whole, code);
    expect(await db.storage.getUser(id)).toMatchObject({ name: 'free' });
  });
});

describe('tx', () => {
  it('has every method of the adapter but those of its lifecycle', async () => {
    const methods = Object.getOwnPropertyNames(PostgresStorageAdapter.prototype).filter(
      (name) => !['constructor', ...LIFECYCLE, 'stats', 'transaction'].includes(name),
    );
    expect(methods.length).toBeGreaterThan(60);
    await db.storage.transaction((tx) => {
      expect(Object.getOwnPropertyNames(Object.getPrototypeOf(tx)).sort()).toEqual(['constructor', ...methods].sort());
      for (const name of [...LIFECYCLE, 'stats', 'transaction']) expect(tx).not.toHaveProperty(name);
    });
  });

  describe('with all methods', () => {
    let scene: Scene;
    beforeAll(async () => {
      scene = await makeScene(db.storage);
    });

    it.each(Object.keys(argumentsOf({ text: unique } as Scene)))(
      '%s works on it, and is undone with it',
      async (name) => {
        const before = await contents();
        const args = argumentsOf(scene)[name as keyof ReturnType<typeof argumentsOf>];
        await expect(
          db.storage.transaction(async (tx) => {
            await call(tx as never, name, args);
            throw new Error('undo');
          }),
        ).rejects.toThrow('undo');
        expect(await contents()).toEqual(before);
      },
    );
  });

  it('refuses the lifecycle’s methods that are borrowed for it', async () => {
    const { connect, disconnect, rollback, transaction } = PostgresStorageAdapter.prototype;
    const whole = db.storage.transaction(async (tx) => {
      for (const method of [connect, disconnect, rollback]) {
        await expectInvalidInput((method as () => Promise<void>).call(tx), 'this');
      }
      await expectInvalidInput(
        transaction.call(tx as never, () => 1),
        'this',
      );
    });
    await expectInvalidInput(whole, 'this');
    await expect(db.storage.getUser('x')).resolves.toBeNull();
  });

  it('rejects after its end, however that came about', async () => {
    const kept: PostgresTransaction[] = [];
    await db.storage.transaction((tx) => void kept.push(tx));
    await db.storage
      .transaction((tx) => {
        kept.push(tx);
        throw new Error('mine');
      })
      .catch(() => undefined);
    const endless = (tx: PostgresTransaction) => {
      kept.push(tx);
      return never();
    };
    await db.storage.transaction(endless, { timeoutMs: 500 }).catch(() => undefined);
    expect(kept).toHaveLength(3);
    for (const tx of kept) {
      const error = await expectCode(tx.createUser({}), 'transaction_aborted', { operation: 'createUser' });
      expect(error.message).toContain('the transaction has ended');
    }
  });

  it('works through proxies, and its methods have to be called on it', async () => {
    await db.storage.transaction(async (tx) => {
      const user = await new Proxy(tx, {}).createUser({});
      expect(await (Object.create(tx) as typeof tx).getUser(user.id)).toStrictEqual(user);
    });
    await expectInvalidInput(
      db.storage.transaction(async ({ createUser }) => {
        await createUser({});
      }),
      'this',
    ).catch(() => undefined);
  });

  it('is what a function of a wrapped adapter gets, too', async () => {
    class Own extends PostgresStorageAdapter {}
    const own = new Own(db.url);
    for (const storage of [own, new Proxy(db.storage, {}), Object.create(db.storage) as PostgresStorageAdapter]) {
      await expect(storage.transaction((tx) => tx.getUser('nobody'))).resolves.toBeNull();
    }
    await own.disconnect();
    const { transaction } = db.storage;
    await expectInvalidInput(
      transaction(() => 1),
      'this',
    );
  });

  it('sees one time: what it creates has the same createdAt', async () => {
    const [first, second] = await db.storage.transaction(async (tx) => {
      const user = await tx.createUser({});
      await new Promise((resolve) => setTimeout(resolve, 20));
      return [user, await tx.createOrganization(organizationInput())];
    });
    expect(first.createdAt).toEqual(second.createdAt);
  });

  it('keeps its own changes and undoes once-only acts with the rest', async () => {
    const token = await db.storage.createEmailVerificationToken(emailTokenInput());
    await db.storage
      .transaction(async (tx) => {
        await tx.markEmailVerificationTokenAsUsed(token.id);
        throw new Error('mine');
      })
      .catch(() => undefined);
    await expect(db.storage.markEmailVerificationTokenAsUsed(token.id)).resolves.toHaveProperty('usedAt');
  });
});

describe('arguments', () => {
  it.each([
    ['work', undefined, undefined],
    ['work', null, undefined],
    ['work', {}, undefined],
    ['isolationLevel', never, { isolationLevel: 'read uncommitted' }],
    ['isolationLevel', never, { isolationLevel: 1 }],
    ['readOnly', never, { readOnly: 'yes' }],
    ['retries', never, { retries: -1 }],
    ['retries', never, { retries: 1.5 }],
    ['retries', never, { retries: Number.POSITIVE_INFINITY }],
    ['timeoutMs', never, { timeoutMs: -1 }],
    ['timeoutMs', never, { timeoutMs: 2 ** 31 }],
    ['timeoutMs', never, { timeoutMs: Number.NaN }],
    ['signal', never, { signal: {} }],
    ['isolation', never, { isolation: 'serializable' }],
    ['options', never, 7],
    ['options', never, new Date()],
  ])('a wrong `%s` is refused by name, and the function is not called: %s, %j', async (field, work, options) => {
    const called = jest.fn(never);
    await expectInvalidInput(
      db.storage.transaction((work === never ? called : work) as never, options as never),
      field,
    );
    expect(called).not.toHaveBeenCalled();
  });

  it('null and undefined stand for the defaults', async () => {
    const none = { isolationLevel: null, readOnly: null, retries: null, timeoutMs: null, signal: null };
    await expect(db.storage.transaction(() => 1, none)).resolves.toBe(1);
    await expect(db.storage.transaction(() => 1, null)).resolves.toBe(1);
  });
});

it('an error has a stack that reaches the caller, and is an InternalError of this realm', async () => {
  async function callerOfTransaction() {
    await db.storage.transaction(never, { timeoutMs: 20 });
  }
  const error = await rejection(callerOfTransaction());
  expect(error).toBeInstanceOf(InternalError);
  expect(error.stack).toContain('callerOfTransaction');
});

/** Everything in the tables. */
async function contents(): Promise<unknown> {
  const tables = await db.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1`,
  );
  const rows = tables.map(({ name }) => db.query(`SELECT to_jsonb(t) FROM ${name} AS t ORDER BY t::text`));
  return Promise.all(rows);
}

it('stats() counts a transaction as one call, and the calls in it under their own names', async () => {
  const storage = db.adapter();
  await storage.transaction(async (tx) => {
    await tx.createUser({});
    await tx.getUser('x');
  });
  await storage.transaction((tx) => tx.updateUser('nobody', { name: 'x' })).catch(() => undefined);
  // The end of a transaction is counted beside its answer.
  await until(async () => storage.stats().calls.transaction?.running === 0);
  const { calls, statements, running } = storage.stats();
  const counts = Object.entries(calls).map(([method, { durationSeconds }]) => [method, durationSeconds.count]);
  expect(Object.fromEntries(counts)).toEqual({ createUser: 1, getUser: 1, transaction: 2, updateUser: 1 });
  expect({ statements, running }).toEqual({ statements: 3, running: [] });
  await storage.disconnect();
});

it('a signal that cannot be listened to leaves no transaction behind', async () => {
  const storage = db.adapter();
  await storage.connect();
  const { signal } = new AbortController();
  const broken = new Proxy(signal, {
    get: (target, name) => {
      if (name === 'addEventListener') throw new Error('broken');
      return Reflect.get(target, name, target);
    },
  });
  await expectInvalidInput(
    storage.transaction(() => 1, { signal: broken }),
    'signal',
  );
  expect(await timeOf(storage.disconnect())).toBeLessThan(2_000);
});
