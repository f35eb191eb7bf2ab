/** Writes of one kind that wait together share a statement, and each still behaves like a call of its own. */
import { useDatabase } from './helpers/database';
import { expectCode } from './helpers/errors';
import { backendsOf, until, whileLocked } from './helpers/failing';
import { inAnHour, inMs, sessionInput, unique, userInput } from './helpers/fixtures';
import { Relay } from './helpers/relay';

const db = useDatabase();
const CALLS = 600;

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

let userId: string;

beforeAll(async () => {
  ({ id: userId } = await db.storage.createUser(userInput()));
});

/** The indexes of the calls that failed, with the reasons. */
function failures(results: PromiseSettledResult<unknown>[]): [number, unknown][] {
  return results.flatMap((result, index) => (result.status === 'rejected' ? [[index, result.reason]] : []));
}

const sessionsOf = (count: number) =>
  Promise.all(numbers(count).map(() => db.storage.createSession(sessionInput(userId))));

describe('createSession, when calls share a statement,', () => {
  it('gives each caller the session that it asked for', async () => {
    const lists = [[], ['a', 'b,c'], ['"quoted"', 'back\\slash', '', 'NULL', '{}', ' ', 'é\n']];
    const wanted = numbers(CALLS).map((index) => ({
      userId,
      ...(index % 2 === 0 && { plan: `plan-${index}` }),
      entitlements: lists[index % 3] as string[],
      expiresAt: inMs(100_000 + index),
      metadata: { index },
    }));
    const made = await Promise.all(wanted.map((input) => db.storage.createSession(input)));
    const shown = made.map(({ id: _, createdAt: _1, updatedAt: _2, ...rest }) => rest);
    expect(shown).toEqual(wanted);
    const found = await Promise.all(made.map(({ id }) => db.storage.getSession(id)));
    expect(found).toEqual(made);
  });

  it('takes fewer than one statement for ten calls, and so does updateSession', async () => {
    const relay = await Relay.start(db.url);
    const storage = db.adapter({}, relay.url);
    await Promise.all(numbers(20).map(() => storage.createSession(sessionInput(userId))));
    relay.reset();
    const sessions = await Promise.all(numbers(CALLS).map(() => storage.createSession(sessionInput(userId))));
    await Promise.all(sessions.map(({ id }) => storage.updateSession(id, { expiresAt: inAnHour() })));
    expect(relay.roundTrips).toBeLessThan(CALLS / 10);
    await storage.disconnect();
    await relay.close();
  });

  it('is not held up by 40 calls that wait for a lock', async () => {
    const { id: locked } = await db.storage.createUser(userInput());
    const storage = db.adapter({ application_name: 'many-wait', statementTimeoutMs: 0 });
    const fortyCalls = async () => {
      const begun = performance.now();
      for (const _ of numbers(40)) await storage.createSession(sessionInput(userId));
      return performance.now() - begun;
    };
    await storage.connect();
    const alone = await fortyCalls();
    await whileLocked(db, 'SELECT FROM users WHERE id = $1 FOR UPDATE', [locked], async (release) => {
      const waiting = numbers(40).map(() => storage.createSession(sessionInput(locked)));
      await until(async () => (await backendsOf(db, 'many-wait', { waiting: true })).length > 0);
      // One stall of 50 ms is waited for, not one for each call, which would be two seconds.
      expect(await fortyCalls()).toBeLessThan(2 * alone + 1_000);
      await release();
      await Promise.all(waiting);
    });
    await storage.disconnect();
  });

  it('rejects the calls with bad input, each with its own error, and no others', async () => {
    const [taken] = await sessionsOf(1);
    const input = (index: number) => {
      if (index % 100 === 7) return sessionInput(unique('nobody'));
      if (index % 100 === 8) return sessionInput(userId, { orgId: unique('nothing') });
      if (index % 100 === 9) return sessionInput(userId, { id: taken?.id as string });
      return sessionInput(userId);
    };
    const results = await Promise.allSettled(numbers(300).map((index) => db.storage.createSession(input(index))));
    const failed = failures(results);
    expect(failed.map(([index]) => index)).toEqual([7, 8, 9, 107, 108, 109, 207, 208, 209]);
    for (const [index, reason] of failed) {
      const [code, field] = { 7: ['invalid_reference', 'userId'], 8: ['invalid_reference', 'orgId'] }[index % 100] ?? [
        'conflict',
        'id',
      ];
      await expectCode(Promise.reject(reason), code as 'conflict', { field });
    }
  });

  it('succeeds for one of 50 calls with the same id', async () => {
    for (const _ of numbers(10)) {
      const id = unique();
      const results = await Promise.allSettled(
        numbers(50).map((index) => db.storage.createSession(sessionInput(userId, { id, metadata: { index } }))),
      );
      const won = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
      expect(won).toHaveLength(1);
      await expect(db.storage.getSession(id)).resolves.toEqual(won[0]);
      for (const [, reason] of failures(results)) await expectCode(Promise.reject(reason), 'conflict', { field: 'id' });
    }
  });
});

describe('createUser, when calls share a statement,', () => {
  it('gives each caller the user that it asked for', async () => {
    const wanted = numbers(CALLS).map((index) => ({
      ...(index % 2 === 0 && { email: `${unique('Batch')}@Example.com`, name: `${index}`, plan: `plan-${index}` }),
      entitlements: index % 3 === 0 ? [] : [`${index}`, '","', '\\'],
      metadata: { index },
    }));
    const made = await Promise.all(wanted.map((input) => db.storage.createUser(input)));
    const shown = made.map(({ id: _, createdAt: _1, updatedAt: _2, ...rest }) => rest);
    expect(shown).toEqual(wanted.map((input) => ({ plan: 'free', ...input })));
    await expect(Promise.all(made.map(({ id }) => db.storage.getUser(id)))).resolves.toEqual(made);
  });

  it('succeeds for one of ten calls with the same e-mail, and for every call with another one', async () => {
    const email = `${unique('Once')}@example.com`;
    const [taken] = await Promise.all([db.storage.createUser(userInput())]);
    const results = await Promise.allSettled(
      numbers(200).map((index) => {
        if (index % 20 === 3) return db.storage.createUser({ email: index % 40 === 3 ? email : email.toUpperCase() });
        if (index % 20 === 4) return db.storage.createUser({ id: taken.id });
        return db.storage.createUser(userInput());
      }),
    );
    const won = results.filter(({ status }) => status === 'fulfilled').length;
    expect(won).toBe(200 - 10 - 10 + 1);
    for (const [index, reason] of failures(results)) {
      await expectCode(Promise.reject(reason), 'conflict', { field: index % 20 === 3 ? 'email' : 'id' });
    }
  });
});

describe('updateSession, when calls share a statement,', () => {
  it('changes in each session only the fields that its patch names', async () => {
    const sessions = await sessionsOf(CALLS);
    const patches = numbers(CALLS).map(
      (index) =>
        [
          { metadata: { index } },
          { plan: null, entitlements: [`${index}`, '"', '\\'] },
          { expiresAt: inMs(500_000 + index) },
          { metadata: null, plan: `plan-${index}` },
          {},
        ][index % 5] as object,
    );
    const updated = await Promise.all(
      sessions.map(({ id }, index) => db.storage.updateSession(id, patches[index] as object)),
    );
    for (const [index, session] of updated.entries()) {
      const { updatedAt: _, ...rest } = sessions[index] as (typeof sessions)[number];
      const patch = { ...patches[index] } as Record<string, unknown>;
      const expected: Record<string, unknown> = { ...rest, ...patch, updatedAt: session.updatedAt };
      if (patch.plan === null) delete expected.plan;
      if (patch.metadata === null) expected.metadata = {};
      expect(session).toEqual(expected);
    }
    await expect(Promise.all(sessions.map(({ id }) => db.storage.getSession(id)))).resolves.toEqual(updated);
  });

  it('applies all changes to one session, in the order of the calls', async () => {
    const [session] = await sessionsOf(1);
    const id = session?.id as string;
    const results = await Promise.all(
      numbers(200).map((index) =>
        db.storage.updateSession(id, index % 2 === 0 ? { plan: `p${index}` } : { metadata: { index } }),
      ),
    );
    expect(results.filter((result, index) => index % 2 === 0 && result.plan !== `p${index}`)).toEqual([]);
    expect(results.filter((result, index) => index % 2 === 1 && result.metadata?.index !== index)).toEqual([]);
    await expect(db.storage.getSession(id)).resolves.toMatchObject({ plan: 'p198', metadata: { index: 199 } });
  });

  it('rejects an unknown session and an unknown user, each with its own error, and changes the other sessions', async () => {
    const sessions = await sessionsOf(300);
    const results = await Promise.allSettled(
      sessions.map(({ id }, index) => {
        if (index % 100 === 7) return db.storage.updateSession(unique(), { plan: 'x' });
        if (index % 100 === 8) return db.storage.updateSession(id, { userId: unique('nobody') });
        return db.storage.updateSession(id, { plan: `p${index}` });
      }),
    );
    const failed = failures(results);
    expect(failed.map(([index]) => index)).toEqual([7, 8, 107, 108, 207, 208]);
    for (const [index, reason] of failed) {
      await expectCode(Promise.reject(reason), index % 100 === 7 ? 'not_found' : 'invalid_reference');
    }
  });

  it('waits for a locked session without delaying calls for other sessions', async () => {
    const sessions = await sessionsOf(40);
    const locked = sessions[20]?.id as string;
    await db.query('CREATE TABLE IF NOT EXISTS latch (open boolean)');
    // One connection of the test's pool holds the lock until the latch is written.
    const holder = db.query(
      `DO $$ BEGIN
         PERFORM 1 FROM sessions WHERE id = '${locked}' FOR UPDATE;
         FOR n IN 1..400 LOOP
           PERFORM pg_sleep(0.01);
           EXIT WHEN EXISTS (SELECT FROM latch);
         END LOOP;
       END $$`,
    );
    const isLocked = async () =>
      (await db.query(`SELECT FROM sessions WHERE id = $1 FOR UPDATE SKIP LOCKED`, [locked])).length === 0;
    while (!(await isLocked()));
    const order: number[] = [];
    const updates = sessions.map(async ({ id }, index) => {
      // So often that every connection would be held up, if each of them took one.
      await Promise.all(
        numbers(index === 20 ? 100 : 1).map((round) => db.storage.updateSession(id, { metadata: { round } })),
      );
      order.push(index);
      if (order.length === 39) await db.query('INSERT INTO latch VALUES (true)');
    });
    await Promise.all([...updates, holder]);
    expect(order.at(-1)).toBe(20);
  });

  it('never fails when two adapters update the same sessions in opposite orders', async () => {
    const sessions = await sessionsOf(100);
    const other = db.adapter();
    const both = [db.storage, other].flatMap((storage, side) =>
      numbers(500).map((call) => {
        const at = side === 0 ? call % 100 : 99 - (call % 100);
        return storage.updateSession(sessions[at]?.id as string, { metadata: { call } });
      }),
    );
    const results = await Promise.allSettled(both);
    expect(failures(results)).toEqual([]);
  });
});
