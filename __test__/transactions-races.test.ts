/** Transactions beside each other: isolation, deadlocks, retries, and many at once. */
import { Client } from 'pg';
import { Collector } from './helpers/collector';
import { useDatabase } from './helpers/database';
import { expectCode, rejection } from './helpers/errors';
import { backendsOf, until, whileFailing, whileLocked } from './helpers/failing';
import { sessionInput, unique, userInput } from './helpers/fixtures';

const db = useDatabase();
const NAME = 'transactions-races';
const adapter = (options = {}) => db.adapter({ application_name: NAME, ...options });
const isWaiting = async () => (await backendsOf(db, NAME, { waiting: true })).length > 0;

/** Both functions come here before either goes on. */
function meeting(): () => Promise<void> {
  let arrived = 0;
  let open: () => void = () => undefined;
  const both = new Promise<void>((resolve) => {
    open = resolve;
  });
  return async () => {
    arrived += 1;
    if (arrived === 2) open();
    await both;
  };
}

describe('isolationLevel', () => {
  it.each([
    [undefined, false, ['old', 'new']],
    ['read committed', false, ['old', 'new']],
    ['repeatable read', false, ['old', 'old']],
    ['serializable', false, ['old', 'old']],
    ['repeatable read', true, ['old', 'old']],
  ] as const)('%s (readOnly: %s) sees %j of a row that changes meanwhile', async (isolationLevel, readOnly, names) => {
    const { id } = await db.storage.createUser({ name: 'old' });
    const seen = await db.storage.transaction(
      async (tx) => {
        const before = await tx.getUser(id);
        await db.storage.updateUser(id, { name: 'new' });
        return [before?.name, (await tx.getUser(id))?.name];
      },
      { isolationLevel, readOnly },
    );
    expect(seen).toEqual(names);
  });

  it('is stated whatever the role’s default is', async () => {
    const storage = adapter({ options: '-c default_transaction_isolation=serializable' });
    const { id } = await storage.createUser({ name: 'old' });
    await storage.transaction(async (tx) => {
      await tx.getUser(id);
      await db.storage.updateUser(id, { name: 'new' });
      expect(await tx.getUser(id)).toMatchObject({ name: 'new' });
    });
    await storage.disconnect();
  });

  it('repeatable read rejects a change to a row that has changed since', async () => {
    const { id } = await db.storage.createUser({});
    const whole = db.storage.transaction(
      async (tx) => {
        await tx.getUser(id);
        await db.storage.updateUser(id, { name: 'first' });
        await tx.updateUser(id, { name: 'lost' });
      },
      { isolationLevel: 'repeatable read' },
    );
    const error = await expectCode(whole, 'serialization_failure', { sqlState: '40001', attempts: 1 });
    expect(error.retryable).toBe(true);
    expect(await db.storage.getUser(id)).toMatchObject({ name: 'first' });
  });

  it('serializable lets one of two transactions win that each write what the other has read', async () => {
    const [a, b] = [await db.storage.createUser({ plan: 'on' }), await db.storage.createUser({ plan: 'on' })];
    const meet = meeting();
    const leave = (own: string, other: string) =>
      db.storage.transaction(
        async (tx) => {
          const colleague = await tx.getUser(other);
          await meet();
          if (colleague?.plan === 'on') await tx.updateUser(own, { plan: 'off' });
        },
        { isolationLevel: 'serializable', retries: 3 },
      );
    await Promise.all([leave(a.id, b.id), leave(b.id, a.id)]);
    const plans = [await db.storage.getUser(a.id), await db.storage.getUser(b.id)].map((user) => user?.plan);
    expect(plans.sort()).toEqual(['off', 'on']);
  });
});

describe('readOnly', () => {
  it('refuses writes, and leaves the connection and the pool as they are', async () => {
    const storage = adapter({ max: 1 });
    await storage.getUser('x');
    const before = await backendsOf(db, NAME);
    const error = await expectCode(
      storage.transaction((tx) => tx.createUser({}), { readOnly: true }),
      'read_only',
      { operation: 'createUser' },
    );
    expect(error.message).toContain('the transaction is read-only');
    expect(error.retryable).toBe(false);
    await storage.createUser({});
    expect(await backendsOf(db, NAME)).toEqual(before);
    await storage.disconnect();
  });
});

describe('retries', () => {
  it.each(['40001', '40P01'])('calls the function again after %s, with another tx', async (sqlState) => {
    const logger = new Collector();
    const storage = adapter({ logger, logLevel: 'warn' });
    await whileFailing(db, sqlState, { times: 2 }, async () => {
      const seen = new Set<unknown>();
      const id = await storage.transaction(
        async (tx) => {
          seen.add(tx);
          return (await tx.createUser({ id: `made-${sqlState}-${seen.size}` })).id;
        },
        { retries: 2 },
      );
      expect(seen.size).toBe(3);
      expect(id).toBe(`made-${sqlState}-3`);
    });
    const rows = await db.query('SELECT id FROM users WHERE id LIKE $1', [`made-${sqlState}-%`]);
    expect(rows).toEqual([{ id: `made-${sqlState}-3` }]);
    expect(logger.take('retry').map(({ fields }) => [fields.operation, fields.attempt])).toEqual([
      ['transaction', 1],
      ['transaction', 2],
    ]);
    await storage.disconnect();
  });

  it('are none unless asked for, and end with the last error', async () => {
    await whileFailing(db, '40001', {}, async () => {
      const called = jest.fn((tx) => tx.createUser({}));
      await expectCode(db.storage.transaction(called), 'serialization_failure', { attempts: 1 });
      expect(called).toHaveBeenCalledTimes(1);
      called.mockClear();
      await expectCode(db.storage.transaction(called, { retries: 2 }), 'serialization_failure', { attempts: 3 });
      expect(called).toHaveBeenCalledTimes(3);
    });
  });

  it('happen also if the function swallows the error, or rejects with one of its own', async () => {
    for (const react of [() => undefined, () => Promise.reject(new Error('mine'))]) {
      await whileFailing(db, '40001', { times: 1 }, async () => {
        const called = jest.fn((tx) => tx.createUser({}).catch(react));
        await expect(db.storage.transaction(called, { retries: 1 })).resolves.toBeDefined();
        expect(called).toHaveBeenCalledTimes(2);
      });
    }
  });

  it('do not follow any other error', async () => {
    const called = jest.fn((tx) => tx.createSession(sessionInput('nobody')));
    await expectCode(db.storage.transaction(called, { retries: 5 }), 'invalid_reference');
    expect(called).toHaveBeenCalledTimes(1);
    const mine = new Error('mine');
    await expect(db.storage.transaction(() => Promise.reject(mine), { retries: 5 })).rejects.toBe(mine);
  });

  it('follow a COMMIT that fails so', async () => {
    await db.query(`CREATE SEQUENCE commits`);
    await db.query(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF nextval('commits') <= 2 THEN RAISE EXCEPTION USING ERRCODE = '40001'; END IF;
        RETURN NULL;
      END $$`);
    await db.query(`CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON users DEFERRABLE INITIALLY DEFERRED
                    FOR EACH ROW EXECUTE FUNCTION refuse()`);
    try {
      const called = jest.fn((tx) => tx.createUser({}));
      await expectCode(db.storage.transaction(called), 'serialization_failure', { operation: 'transaction' });
      await db.storage.transaction(called, { retries: 1 });
      expect(called).toHaveBeenCalledTimes(3);
    } finally {
      await db.query('DROP FUNCTION refuse CASCADE');
      await db.query('DROP SEQUENCE commits');
    }
  });

  it('end with timeoutMs and with the signal', async () => {
    await whileFailing(db, '40001', {}, async () => {
      const work = (tx: { createUser(user: object): Promise<unknown> }) => tx.createUser({});
      const error = await expectCode(db.storage.transaction(work, { retries: 1_000, timeoutMs: 300 }), 'cancelled');
      expect(error.message).toContain('300 ms');
      const controller = new AbortController();
      setTimeout(() => controller.abort(), 100);
      await expectCode(db.storage.transaction(work, { retries: 1_000, signal: controller.signal }), 'cancelled');
    });
  });

  it('end with the signal at whatever line of the log it is aborted', async () => {
    await whileFailing(db, '40001', {}, async () => {
      const lines: string[] = [];
      for (let place = 1; place <= 12; place += 1) {
        const controller = new AbortController();
        let left = place;
        const hear = (line: string) => {
          left -= 1;
          if (left !== 0) return;
          lines.push(line);
          controller.abort();
        };
        const logger = { debug: hear, info: hear, warn: hear, error: hear };
        const storage = adapter({ logger, logLevel: 'debug' });
        const { signal } = controller;
        const whole = storage.transaction((tx) => tx.createUser({}), { retries: 1_000, timeoutMs: 20_000, signal });
        expect((await expectCode(whole, 'cancelled')).message).toContain('the signal was aborted');
        await storage.disconnect();
      }
      expect(lines).toEqual(expect.arrayContaining(['transaction rolled back', 'retry']));
    });
  });

  it('resolve a deadlock of two transactions', async () => {
    const [a, b] = [await db.storage.createUser({}), await db.storage.createUser({})];
    const meet = meeting();
    const change = (first: string, second: string, name: string) =>
      db.storage.transaction(
        async (tx) => {
          await tx.updateUser(first, { name });
          await meet();
          await tx.updateUser(second, { name });
        },
        { retries: 2 },
      );
    await Promise.all([change(a.id, b.id, 'one'), change(b.id, a.id, 'two')]);
    const names = [await db.storage.getUser(a.id), await db.storage.getUser(b.id)].map((user) => user?.name);
    expect(new Set(names).size).toBe(1);
  });
});

it('a statement inside waits for a lock as long as it may, and is not tried again', async () => {
  const storage = adapter();
  const { id } = await storage.createUser({});
  const session = await storage.createSession(sessionInput(id));
  await whileLocked(db, 'SELECT FROM sessions WHERE id = $1 FOR UPDATE', [session.id], async (release) => {
    const whole = storage.transaction((tx) => tx.updateSession(session.id, { plan: 'waited' }));
    await until(isWaiting);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await isWaiting()).toBe(true);
    await release();
    await expect(whole).resolves.toMatchObject({ plan: 'waited' });
  });
  await storage.disconnect();
});

describe.each([64, 256])('%d transactions at once', (count) => {
  it('take effect each for itself, one of them not at all', async () => {
    const storage = adapter();
    const bad = 17;
    const ids = Array.from({ length: count }, () => unique('many'));
    const outcomes = await Promise.allSettled(
      ids.map((id, at) =>
        storage.transaction(async (tx) => {
          const user = await tx.createUser(userInput({ id }));
          const sessions = await Promise.all([1, 2].map(() => tx.createSession(sessionInput(user.id))));
          if (at === bad) await tx.createSession(sessionInput('nobody'));
          return (await tx.getSession(sessions[1]?.id ?? ''))?.userId;
        }),
      ),
    );
    outcomes.forEach((outcome, at) => {
      if (at === bad) expect(outcome).toMatchObject({ reason: { code: 'auth_postgres/invalid_reference' } });
      else expect(outcome).toEqual({ status: 'fulfilled', value: ids[at] });
    });
    const rows = await db.query(
      'SELECT u.id, count(*)::int AS sessions FROM users AS u JOIN sessions ON user_id = u.id WHERE u.id = ANY($1) GROUP BY 1',
      [ids],
    );
    expect(rows).toHaveLength(count - 1);
    expect(rows.every(({ sessions }) => sessions === 2)).toBe(true);
    await storage.disconnect();
  });

  it('leave exact sums in rows that all of them change, while others change them, too', async () => {
    const storage = adapter({ connectionTimeoutMillis: 60_000, statementTimeoutMs: 60_000 });
    const tokens = await Promise.all(
      [1, 2].map(() =>
        storage.createEmailVerificationToken({
          ...{ email: 'a@example.com', code: 'c', codeHash: 'h', type: 'login_link' as const },
          expiresAt: new Date(Date.now() + 3_600_000),
        }),
      ),
    );
    const increment = (to: Pick<typeof storage, 'incrementEmailVerificationTokenAttempts'>, at: number) =>
      to.incrementEmailVerificationTokenAttempts(tokens[at]?.id ?? '');
    const undo = new Error('undo');
    const transactions = Array.from({ length: count }, (_, at) =>
      storage
        .transaction(
          async (tx) => {
            await increment(tx, 0);
            await increment(tx, 1);
            if (at % 4 === 0) throw undo;
          },
          { timeoutMs: 60_000 },
        )
        .catch((error) => expect(error).toBe(undo)),
    );
    const others = Array.from({ length: count }, (_, at) => increment(storage, at % 2));
    await Promise.all([...transactions, ...others]);
    for (const { id } of tokens) {
      expect(await storage.getEmailVerificationTokenAttempts(id)).toBe((count * 3) / 4 + count / 2);
    }
    await storage.disconnect();
  });

  it('fail by themselves if others hold the locks that they need', async () => {
    const storage = adapter({ statementTimeoutMs: 2_000 });
    const free = await Promise.all(Array.from({ length: 8 }, () => storage.createUser({})));
    const locked = await storage.createUser({});
    await whileLocked(db, 'SELECT FROM users WHERE id = $1 FOR UPDATE', [locked.id], async () => {
      const stuck = rejection(storage.transaction((tx) => tx.updateUser(locked.id, { name: 'never' })));
      await until(isWaiting);
      const results = await Promise.all(
        Array.from({ length: count }, (_, at) =>
          storage.transaction((tx) => tx.updateUser(free[at % 8]?.id ?? '', { name: `name ${at}` })),
        ),
      );
      expect(results).toHaveLength(count);
      expect((await stuck).code).toBe('auth_postgres/statement_timeout');
    });
    await storage.disconnect();
  });
});

it('a large owner is deleted, and expired rows are swept, in the transaction, and come back with it', async () => {
  const ROWS = 2_500;
  const { id } = await db.storage.createUser({});
  await db.query(
    `INSERT INTO sessions (id, user_id, expires_at)
     SELECT $1 || n, $1, now() + CASE WHEN n % 2 = 0 THEN interval '1 hour' ELSE interval '-1 hour' END
       FROM generate_series(1, ${ROWS}) AS n`,
    [id],
  );
  const count = async () => (await db.query('SELECT count(*)::int FROM sessions WHERE user_id = $1', [id]))[0].count;
  const undo = new Error('undo');
  await expect(
    db.storage.transaction(async (tx) => {
      expect(await tx.deleteExpiredSessions()).toBe(ROWS / 2);
      expect(await tx.deleteUserSessions(id)).toBe(ROWS / 2);
      throw undo;
    }),
  ).rejects.toBe(undo);
  expect(await count()).toBe(ROWS);
  await expect(
    db.storage.transaction(async (tx) => {
      await tx.deleteUser(id);
      expect(await tx.getUser(id)).toBeNull();
      expect(await count()).toBe(ROWS);
      throw undo;
    }),
  ).rejects.toBe(undo);
  expect(await count()).toBe(ROWS);
  await db.storage.transaction((tx) => tx.deleteUser(id));
  expect(await count()).toBe(0);
});

it('what consists of several statements is one with the rest', async () => {
  const { id } = await db.storage.createUser({});
  const key = await db.storage.createApiKeyWithSecret(id, ['read']);
  await db.storage.createBackupCodes(id, ['old']);
  const undo = new Error('undo');
  await expect(
    db.storage.transaction(async (tx) => {
      await tx.createBackupCodes(id, ['a', 'b']);
      await tx.rotateApiKey(key.record.id);
      expect((await tx.getBackupCodes(id)).map(({ code }) => code)).toEqual(['a', 'b']);
      expect(await tx.listApiKeys(id)).toHaveLength(2);
      const client = new Client({ connectionString: db.url });
      await client.connect();
      const { rows } = await client.query('SELECT code FROM twofa_backup_codes WHERE user_id = $1', [id]);
      await client.end();
      expect(rows).toEqual([{ code: 'old' }]);
      throw undo;
    }),
  ).rejects.toBe(undo);
  expect((await db.storage.getBackupCodes(id)).map(({ code }) => code)).toEqual(['old']);
  expect(await db.storage.verifyApiKeySecret(key.key)).not.toBeNull();
});
