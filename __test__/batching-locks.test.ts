/** A call that cannot proceed delays or fails only itself and calls for the same key, however many share its statement. */
import { performance } from 'node:perf_hooks';
import { InternalError, type PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { Client } from 'pg';
import { useDatabase } from './helpers/database';
import { expectCode } from './helpers/errors';
import { backendsOf, until, whileLocked } from './helpers/failing';
import { organizationInput, sessionInput, unique, userInput } from './helpers/fixtures';
import { race } from './helpers/race';
import { Relay } from './helpers/relay';

const db = useDatabase();
const CALLS = 400;
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

let userId: string;
let orgId: string;
beforeAll(async () => {
  ({ id: userId } = await db.storage.createUser(userInput()));
  ({ id: orgId } = await db.storage.createOrganization(organizationInput()));
});

const newUser = async () => (await db.storage.createUser(userInput())).id;
const newOrganization = async () => (await db.storage.createOrganization(organizationInput())).id;
const newSessions = (count: number) =>
  Promise.all(numbers(count).map(async () => (await db.storage.createSession(sessionInput(userId))).id));

/** Of `CALLS` calls those at `stuck` need what is locked. */
interface Case {
  name: string;
  /** What another transaction holds, and the calls. */
  prepare(stuck: number[]): Promise<{
    sql: string;
    parameters: unknown[];
    call: (storage: PostgresStorageAdapter, index: number) => Promise<unknown>;
  }>;
}

const CASES: Case[] = [
  {
    name: 'createUser with the same e-mail',
    async prepare(stuck) {
      const emails = numbers(CALLS).map(() => `${unique('Held')}@example.com`);
      return {
        sql: 'INSERT INTO users (id, email) SELECT md5(email), upper(email) FROM unnest($1::text[]) email',
        parameters: [stuck.map((index) => emails[index])],
        call: (storage, index) => storage.createUser({ email: emails[index] as string }),
      };
    },
  },
  {
    name: 'createUser with the same id',
    async prepare(stuck) {
      const ids = numbers(CALLS).map(() => unique('u'));
      return {
        sql: 'INSERT INTO users (id) SELECT unnest($1::text[])',
        parameters: [stuck.map((index) => ids[index])],
        call: (storage, index) => storage.createUser({ id: ids[index] as string }),
      };
    },
  },
  {
    name: 'createSession with the same id',
    async prepare(stuck) {
      const ids = numbers(CALLS).map(() => unique('s'));
      return {
        sql: 'INSERT INTO sessions (id, user_id, expires_at) SELECT unnest($1::text[]), $2, now()',
        parameters: [stuck.map((index) => ids[index]), userId],
        call: (storage, index) => storage.createSession(sessionInput(userId, { id: ids[index] as string })),
      };
    },
  },
  {
    name: 'createSession for a locked user, in one organization',
    async prepare(stuck) {
      const locked = await Promise.all(stuck.map(newUser));
      return {
        sql: 'SELECT FROM users WHERE id = ANY($1) FOR UPDATE',
        parameters: [locked],
        call: (storage, index) =>
          storage.createSession(sessionInput(locked[stuck.indexOf(index)] ?? userId, { orgId })),
      };
    },
  },
  {
    name: 'createSession for a locked organization, of one user',
    async prepare(stuck) {
      const locked = await Promise.all(stuck.map(newOrganization));
      return {
        sql: 'SELECT FROM organizations WHERE id = ANY($1) FOR UPDATE',
        parameters: [locked],
        call: (storage, index) =>
          storage.createSession(sessionInput(userId, { orgId: locked[stuck.indexOf(index)] ?? orgId })),
      };
    },
  },
  {
    name: 'updateSession for a locked session',
    async prepare(stuck) {
      const sessions = await newSessions(CALLS);
      return {
        sql: 'SELECT FROM sessions WHERE id = ANY($1) FOR UPDATE',
        parameters: [stuck.map((index) => sessions[index])],
        call: (storage, index) => storage.updateSession(sessions[index] as string, { plan: `${index}` }),
      };
    },
  },
  {
    name: 'updateSession that names a locked user',
    async prepare(stuck) {
      const sessions = await newSessions(CALLS);
      const [other, ...locked] = await Promise.all([0, ...stuck].map(newUser));
      return {
        sql: 'SELECT FROM users WHERE id = ANY($1) FOR UPDATE',
        parameters: [locked],
        call: (storage, index) =>
          storage.updateSession(sessions[index] as string, {
            userId: (locked[stuck.indexOf(index)] ?? other) as string,
          }),
      };
    },
  },
  {
    name: 'updateSession that names a locked organization',
    async prepare(stuck) {
      const sessions = await newSessions(CALLS);
      const locked = await Promise.all(stuck.map(newOrganization));
      return {
        sql: 'SELECT FROM organizations WHERE id = ANY($1) FOR UPDATE',
        parameters: [locked],
        call: (storage, index) =>
          storage.updateSession(sessions[index] as string, { orgId: locked[stuck.indexOf(index)] ?? orgId }),
      };
    },
  },
];

describe.each(CASES)('$name', ({ prepare }) => {
  it.each([
    { count: 1, stuck: [200] },
    { count: 12, stuck: numbers(12).map((at) => 5 + at * 31) },
  ])('delays no other call when $count of 400 calls wait for a lock', async ({ stuck }) => {
    const { sql, parameters, call } = await prepare(stuck);
    const storage = db.adapter({ application_name: 'locks', statementTimeoutMs: 20_000 });
    await storage.connect();
    await whileLocked(db, sql, parameters, async (release) => {
      const begun = performance.now();
      const ended = new Map<number, { ms: number; error?: InternalError }>();
      const calls = numbers(CALLS).map((index) =>
        call(storage, index).then(
          () => ended.set(index, { ms: performance.now() - begun }),
          (error) => ended.set(index, { ms: performance.now() - begun, error }),
        ),
      );
      await until(async () => ended.size >= CALLS - stuck.length);
      expect([...ended].filter(([, { error }]) => error !== undefined)).toEqual([]);
      expect(stuck.filter((index) => ended.has(index))).toEqual([]);
      // Calls that come later are not delayed either, and one for the same key waits as well.
      const later = await race(64, (index) => call(storage, stuck.includes(index) ? index + 1 : index));
      expect(later.rejected.filter(({ code }) => code !== 'auth_postgres/conflict')).toEqual([]);
      await release();
      await Promise.all(calls);
      expect([...ended.values()].filter(({ error }) => error !== undefined)).toEqual([]);
    });
    await storage.disconnect();
  });
});

it('of many calls for one locked key one waits on the server, and all succeed when the lock is released', async () => {
  const locked = await newUser();
  const storage = db.adapter({ application_name: 'one-key', statementTimeoutMs: 0 });
  await whileLocked(db, 'SELECT FROM users WHERE id = $1 FOR UPDATE', [locked], async (release) => {
    const waiting = numbers(100).map(() => storage.createSession(sessionInput(locked)));
    await until(async () => (await backendsOf(db, 'one-key', { waiting: true })).length > 0);
    for (const _ of numbers(10)) {
      const { fulfilled } = await race(64, () => storage.createSession(sessionInput(userId)));
      expect(fulfilled).toHaveLength(64);
      expect((await backendsOf(db, 'one-key', { waiting: true })).length).toBeLessThanOrEqual(2);
    }
    await release();
    await Promise.all(waiting);
  });
  await storage.disconnect();
});

describe('createUser in two processes with the same e-mails in opposite orders', () => {
  it('never ends in a deadlock on the server', async () => {
    const deadlocks = async () => {
      await db.query('SELECT pg_stat_clear_snapshot()');
      const [row] = await db.query('SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()');
      return row.deadlocks as number;
    };
    const before = await deadlocks();
    // Slow enough for both to have begun.
    await db.query(
      `CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.0005); RETURN NEW; END'`,
    );
    await db.query('CREATE TRIGGER dawdle AFTER INSERT ON users FOR EACH ROW EXECUTE FUNCTION dawdle()');
    const other = db.adapter();
    for (const round of numbers(5)) {
      const emails = numbers(200).map((index) => `${round}.${index}.${unique('both')}@example.com`);
      const both = await Promise.all([
        race(200, (index) => db.storage.createUser({ email: emails[index] as string })),
        race(200, (index) => other.createUser({ email: emails[199 - index] as string })),
      ]);
      expect(both.flatMap(({ fulfilled }) => fulfilled)).toHaveLength(200);
      const rejected = both.flatMap(({ rejected }) => rejected);
      expect(new Set(rejected.map(({ code }) => code))).toEqual(new Set(['auth_postgres/conflict']));
    }
    await db.query('DROP FUNCTION dawdle CASCADE');
    // The server counts a deadlock when the backend that lost it is at rest.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(await deadlocks()).toBe(before);
  });
});

it('createUser inserts users that share a statement in the order of their e-mails', async () => {
  const relay = await Relay.start(db.url);
  const storage = db.adapter({}, relay.url);
  await storage.connect();
  relay.reset();
  await race(100, (index) => storage.createUser({ email: `m${(index * 37) % 100}.${unique('Sorted')}@example.com` }));
  const statements = relay.messages
    .filter(({ from, type }) => from === 'client' && type === 'B')
    .map(({ bytes }) => bytes.toString('latin1').match(/m\d+\.Sorted-[-0-9a-f]+@example\.com/g) ?? []);
  expect(Math.max(...statements.map(({ length }) => length))).toBeGreaterThan(10);
  for (const emails of statements) expect(emails).toEqual([...emails].sort());
  await storage.disconnect();
  await relay.close();
});

describe('updateSession', () => {
  it('for another session is not delayed by 5 000 calls for one session', async () => {
    const [busy, other] = (await newSessions(2)) as [string, string];
    let ended = 0;
    const calls = numbers(5_000).map((index) =>
      db.storage.updateSession(busy, { metadata: { index } }).then(() => {
        ended += 1;
      }),
    );
    // The results of the hundreds that ended while JavaScript was making the calls are handed over first.
    await until(async () => ended > 0);
    await new Promise((resolve) => setTimeout(resolve, 200));
    const before = ended;
    await db.storage.updateSession(other, { plan: 'first' });
    expect(ended - before).toBeLessThan(200);
    expect(ended).toBeLessThan(5_000);
    await Promise.all(calls);
    await expect(db.storage.getSession(busy)).resolves.toMatchObject({ metadata: { index: 4_999 } });
  });

  it('for other sessions is not delayed by 3 000 calls that wait for one locked session', async () => {
    const [locked, ...others] = (await newSessions(65)) as [string, ...string[]];
    await whileLocked(db, 'SELECT FROM sessions WHERE id = $1 FOR UPDATE', [locked], async (release) => {
      const waiting = numbers(3_000).map((index) => db.storage.updateSession(locked, { metadata: { index } }));
      const { rejected } = await race(64, (index) =>
        db.storage.updateSession(others[index] as string, { plan: 'x' }, { timeoutMs: 5_000 }),
      );
      expect(rejected).toEqual([]);
      await release();
      await Promise.all(waiting);
    });
    await expect(db.storage.getSession(locked)).resolves.toMatchObject({ metadata: { index: 2_999 } });
  });

  it('for a locked session ends within its time limits while it waits for its turn', async () => {
    const [locked] = (await newSessions(1)) as [string];
    const storage = db.adapter({ connectionTimeoutMillis: 500, statementTimeoutMs: 500, maxRetries: 0 });
    await storage.connect();
    await whileLocked(db, 'SELECT FROM sessions WHERE id = $1 FOR UPDATE', [locked], async () => {
      const begun = performance.now();
      const { rejected } = await race(64, () => storage.updateSession(locked, { plan: 'late' }));
      expect(performance.now() - begun).toBeLessThan(2_500);
      const codes = rejected.map(({ code }) => code.replace('auth_postgres/', ''));
      expect(new Set(codes)).toEqual(new Set(['statement_timeout', 'pool_timeout']));
      expect(codes.filter((code) => code === 'statement_timeout').length).toBeLessThan(5);
      expect(rejected.filter(({ retryable }) => !retryable)).toEqual([]);
    });
    await storage.disconnect();
  });
});

describe('a stored value that cannot be read', () => {
  it('fails only the look-up of its own user when look-ups share a statement', async () => {
    const ids = await Promise.all(numbers(300).map(newUser));
    const bad = ids[150] as string;
    await db.query(`UPDATE users SET created_at = 'infinity' WHERE id = $1`, [bad]);
    const results = await Promise.allSettled(ids.map((id) => db.storage.getUser(id)));
    expect(results.flatMap(({ status }, index) => (status === 'rejected' ? [index] : []))).toEqual([150]);
    await expectCode(Promise.reject((results[150] as PromiseRejectedResult).reason), 'query_failed', {
      column: 'created_at',
    });
    // A user that does not exist is null, although another row of the statement could not be read.
    const mixed = await Promise.allSettled(
      numbers(300).map((index) => db.storage.getUser(index === 7 ? bad : unique('nobody'))),
    );
    expect(mixed.filter(({ status }) => status === 'rejected')).toHaveLength(1);
    expect(mixed.filter((result) => result.status === 'fulfilled' && result.value !== null)).toEqual([]);
    await db.query('UPDATE users SET created_at = now() WHERE id = $1', [bad]);
  });

  it('fails only the list of roles of its own user', async () => {
    const ids = await Promise.all(numbers(60).map(newUser));
    const role = { orgId, name: 'role', permissions: [] };
    const [good, bad] = await Promise.all([db.storage.createRole(role), db.storage.createRole(role)]);
    for (const id of ids) await db.storage.assignRoleToUser(id, good.id, orgId);
    await db.storage.assignRoleToUser(ids[30] as string, bad.id, orgId);
    await db.query(`UPDATE roles SET created_at = 'infinity' WHERE id = $1`, [bad.id]);
    const results = await Promise.allSettled(ids.map((id) => db.storage.getUserRoles(id, orgId)));
    expect(results.flatMap(({ status }, index) => (status === 'rejected' ? [index] : []))).toEqual([30]);
    await db.storage.deleteRole(bad.id);
  });

  it('leaves the outcome of its own update unknown, and every session is updated once', async () => {
    const ids = await newSessions(100);
    await db.query(`CREATE TABLE changes (id text)`);
    await db.query(`CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN INSERT INTO public.changes VALUES (NEW.id); RETURN NEW; END'`);
    await db.query(`UPDATE sessions SET created_at = 'infinity' WHERE id = $1`, [ids[50]]);
    await db.query('CREATE TRIGGER note AFTER UPDATE ON sessions FOR EACH ROW EXECUTE FUNCTION note()');
    const results = await Promise.allSettled(ids.map((id) => db.storage.updateSession(id, { plan: 'seen' })));
    expect(results.flatMap(({ status }, index) => (status === 'rejected' ? [index] : []))).toEqual([50]);
    await expectCode(Promise.reject((results[50] as PromiseRejectedResult).reason), 'query_failed', {
      outcome: 'unknown',
    });
    const [counts] = await db.query(
      'SELECT count(*)::int AS changes, count(DISTINCT id)::int AS sessions FROM changes',
    );
    expect(counts).toEqual({ changes: 100, sessions: 100 });
    await db.query('DROP FUNCTION note CASCADE');
  });
});

it('emitEvent sends an event of 5 MiB in a statement of its own, and stores every event', async () => {
  const relay = await Relay.start(db.url);
  const storage = db.adapter({}, relay.url);
  await storage.connect();
  const large = 'x'.repeat(5 << 20);
  relay.reset();
  await Promise.all(
    numbers(250).map((index) =>
      storage.emitEvent({
        type: 'size',
        principalId: `${index}`,
        data: { text: index % 25 === 0 ? large : 'small' },
        timestamp: new Date(),
      }),
    ),
  );
  const sizes = relay.messages
    .filter(({ from, type }) => from === 'client' && type === 'B')
    .map(({ bytes }) => bytes.length);
  expect(Math.max(...sizes)).toBeLessThan(large.length + (1 << 16));
  const rows = await db.query(
    `SELECT principal_id, length(data ->> 'text') AS length FROM auth_events WHERE type = 'size'`,
  );
  expect(rows).toHaveLength(250);
  expect(rows.filter(({ length }) => length === large.length)).toHaveLength(10);
  await storage.disconnect();
  await relay.close();
});

it('an exception that a trigger of the application raises for one row rejects only that call', async () => {
  await db.query(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN IF NEW.plan = 'bad' THEN RAISE EXCEPTION 'no' USING ERRCODE = TG_ARGV[0]; END IF; RETURN NEW; END $$`);
  for (const sqlState of ['P0001', 'AB123', '42501', '40001']) {
    await db.query(
      `CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON sessions FOR EACH ROW EXECUTE FUNCTION refuse('${sqlState}')`,
    );
    const storage = db.adapter({ maxRetries: 1 });
    const created = await Promise.allSettled(
      numbers(200).map((index) => storage.createSession(sessionInput(userId, { plan: index === 99 ? 'bad' : 'good' }))),
    );
    expect(created.flatMap(({ status }, index) => (status === 'rejected' ? [index] : []))).toEqual([99]);
    expect((created[99] as PromiseRejectedResult).reason).toBeInstanceOf(InternalError);
    await storage.disconnect();
    await db.query('DROP TRIGGER refuse ON sessions');
  }
  await db.query('DROP FUNCTION refuse');
});

it('a shared statement that an administrator cancels is repeated, and all its calls succeed', async () => {
  await db.query(`CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN IF TG_NARGS = 0 THEN PERFORM pg_sleep(0.02); END IF; RETURN NEW; END'`);
  await db.query('CREATE TRIGGER linger BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION linger()');
  const storage = db.adapter({ application_name: 'cancelled' });
  await storage.connect();
  const calls = race(64, () => storage.createUser(userInput()));
  const client = new Client({ connectionString: db.url });
  await client.connect();
  let cancelled = 0;
  await until(async () => {
    const { rows } = await client.query(
      `SELECT pg_cancel_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'cancelled' AND state = 'active' AND query LIKE '%unnest%'`,
    );
    cancelled = rows.length;
    return cancelled > 0;
  });
  const { fulfilled } = await calls;
  expect(fulfilled).toHaveLength(64);
  await client.end();
  await db.query('DROP FUNCTION linger CASCADE');
  await storage.disconnect();
});
