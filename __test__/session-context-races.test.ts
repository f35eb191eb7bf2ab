/** getSessionContext beside other calls: many at once, locked sessions, changes and deletes meanwhile. */
import type { PostgresStorageAdapter, SessionContext } from '@kitiumai/auth-postgres';
import { Client } from 'pg';
import { Collector } from './helpers/collector';
import { useDatabase } from './helpers/database';
import { backendsOf, until, whileLocked } from './helpers/failing';
import { inAnHour, inMs, memberInput, organizationInput, roleInput, sessionInput, unique } from './helpers/fixtures';
import { race } from './helpers/race';

const db = useDatabase();
const HOUR = 3_600_000;
const NAME = 'session-context-races';
const numbers = (count: number) => Array.from({ length: count }, (_, at) => at);
const adapter = (options = {}) => db.adapter({ application_name: NAME, statementTimeoutMs: 0, ...options });
const waiting = async () => (await backendsOf(db, NAME, { waiting: true })).length;

let userId: string;
beforeAll(async () => {
  ({ id: userId } = await db.storage.createUser({}));
});

const newSession = async (session: object = {}) =>
  (await db.storage.createSession(sessionInput(userId, session))).id as string;
const newSessions = (count: number) => Promise.all(numbers(count).map(() => newSession()));

/** The statements of getSessionContext since the last time. */
const statementsOf = (logger: Collector) =>
  logger.take('statement').filter(({ fields }) => fields.operation === 'getSessionContext');

describe.each([64, 256])('%i calls at once', (callers) => {
  it('that extend one session need few statements, and each finds it to live as long as it has asked for', async () => {
    const id = await newSession();
    const logger = new Collector();
    const storage = adapter({ logger, logLevel: 'debug' });
    await storage.connect();
    const base = Date.now() + 2 * HOUR;
    const { fulfilled, rejected } = await race(callers, async (at) => {
      const extendTo = new Date(base + ((at * 7) % callers) * 1_000);
      const context = await storage.getSessionContext(id, { extendTo });
      expect(context?.session.expiresAt.getTime()).toBeGreaterThanOrEqual(extendTo.getTime());
      return context?.session.expiresAt.getTime() as number;
    });
    expect(rejected).toEqual([]);
    const latest = base + (callers - 1) * 1_000;
    expect(Math.max(...fulfilled)).toBe(latest);
    expect((await db.storage.getSession(id))?.expiresAt.getTime()).toBe(latest);
    // How many travel together depends on how busy the machine is; without company there would be one for each.
    expect(statementsOf(logger).length).toBeLessThan(callers / 2);
    await storage.disconnect();
  });

  it('that extend their sessions neither wait for the one that is locked nor skip it', async () => {
    const sessions = await newSessions(callers);
    const locked = sessions[callers / 2] as string;
    const logger = new Collector();
    const storage = adapter({ logger, logLevel: 'debug' });
    await storage.connect();
    const extendTo = inMs(2 * HOUR);
    await whileLocked(db, 'SELECT FROM sessions WHERE id = $1 FOR UPDATE', [locked], async (release) => {
      const calls = new Map(sessions.map((id) => [id, storage.getSessionContext(id, { extendTo })]));
      const own = calls.get(locked) as Promise<SessionContext | null>;
      calls.delete(locked);
      for (const context of await Promise.all(calls.values())) expect(context?.session.expiresAt).toEqual(extendTo);
      await until(async () => (await waiting()) === 1);
      // Those that go on meanwhile, for other sessions, and for this one as long as they only read.
      await expect(
        storage.getSessionContext(sessions[0] as string, { extendTo: inMs(3 * HOUR) }),
      ).resolves.not.toBeNull();
      await expect(storage.getSessionContext(locked)).resolves.toMatchObject({ session: { id: locked } });
      await release();
      expect((await own)?.session.expiresAt).toEqual(extendTo);
    });
    expect(statementsOf(logger).length).toBeLessThan(callers / 2 + 10);
    await storage.disconnect();
  });

  it('for a locked session wait for it, and leave connections to the others', async () => {
    const [locked, free] = (await newSessions(2)) as [string, string];
    const storage = adapter({ max: 3 });
    const base = Date.now() + 2 * HOUR;
    await whileLocked(db, 'SELECT FROM sessions WHERE id = $1 FOR UPDATE', [locked], async (release) => {
      const stuck = numbers(callers).map((at) =>
        storage.getSessionContext(locked, { extendTo: new Date(base + at * 1_000) }),
      );
      await until(async () => (await waiting()) === 1);
      const others = numbers(8).map(() => storage.getSessionContext(free, { extendTo: inMs(2 * HOUR) }));
      await Promise.all(others);
      await release();
      for (const [at, context] of (await Promise.all(stuck)).entries()) {
        expect(context?.session.expiresAt.getTime()).toBeGreaterThanOrEqual(base + at * 1_000);
      }
    });
    expect((await db.storage.getSession(locked))?.expiresAt.getTime()).toBe(base + (callers - 1) * 1_000);
    await storage.disconnect();
  });

  it('find whole contexts or none while users and their sessions are deleted and roles are revoked', async () => {
    const orgId = (await db.storage.createOrganization(organizationInput({ seats: 1_000 }))).id;
    const role = await db.storage.createRole(roleInput(orgId));
    const made = await Promise.all(
      numbers(8).map(async () => {
        const { id } = await db.storage.createUser({});
        await db.storage.assignRoleToUser(id, role.id, orgId);
        const { id: session } = await db.storage.createSession(sessionInput(id, { orgId }));
        return { id, session };
      }),
    );
    const ends = made.map(({ id, session }, at) => () => {
      if (at % 3 === 0) return db.storage.deleteUser(id);
      return at % 3 === 1 ? db.storage.deleteSession(session) : db.storage.revokeRoleFromUser(id, role.id, orgId);
    });
    const { fulfilled, rejected } = await race(callers, async (at) => {
      const { id, session } = made[at % made.length] as (typeof made)[number];
      if (at >= callers / 4 && at < callers / 4 + ends.length) await ends[at % ends.length]?.();
      const options = at % 2 === 0 ? {} : { extendTo: inMs(2 * HOUR + at) };
      const context = await db.storage.getSessionContext(session, options);
      if (context === null) return 'none';
      expect(context).toMatchObject({ session: { userId: id }, user: { id } });
      const hasRole = context.roles.length === 1;
      expect(context.organization?.id).toBe(hasRole ? orgId : undefined);
      return hasRole ? 'role' : 'no role';
    });
    expect(rejected).toEqual([]);
    for (const outcome of fulfilled) expect(['role', 'no role', 'none']).toContain(outcome);
    const after = await Promise.all(made.map(({ session }) => db.storage.getSessionContext(session)));
    expect(after.map((context) => context?.roles.length)).toEqual(made.map((_, at) => (at % 3 === 2 ? 0 : undefined)));
  });

  it('do not bring back a session that updateSession lets expire among them', async () => {
    const id = await newSession();
    const { rejected } = await race<PostgresStorageAdapter, unknown>(
      callers,
      [db.storage, db.adapter()],
      (storage, at) =>
        at === callers / 2
          ? storage.updateSession(id, { expiresAt: inMs(-1_000) })
          : storage.getSessionContext(id, { extendTo: inMs(2 * HOUR + at) }),
    );
    expect(rejected).toEqual([]);
    expect(await db.storage.getSessionContext(id, { extendTo: inAnHour() })).toBeNull();
    expect(await db.storage.getSession(id)).toBeNull();
  });
});

it('a context is of one moment: what one transaction writes is found whole', async () => {
  const { storage } = db;
  const org = await storage.createOrganization(organizationInput({ members: [memberInput(userId)] }));
  const role = await storage.createRole(roleInput(org.id));
  await storage.assignRoleToUser(userId, role.id, org.id);
  const id = await newSession({ orgId: org.id });
  const writer = new Client({ connectionString: db.url });
  await writer.connect();
  let isOver = false;
  const writing = (async () => {
    for (let n = 0; !isOver; n += 1) {
      await writer.query('BEGIN');
      for (const [column, key] of [
        // First, so that the calls that wait for the session go on when all has been committed.
        ['sessions SET plan', id],
        ['users SET name', userId],
        ['organizations SET name', org.id],
        ['roles SET name', role.id],
      ]) {
        await writer.query(`UPDATE ${column} = $1 WHERE id = $2`, [`${n}`, key]);
      }
      await writer.query('COMMIT');
    }
  })();
  await until(async () => Number((await storage.getUser(userId))?.name) >= 3);
  for (let round = 0; round < 60; round += 1) {
    const options = round % 2 === 0 ? {} : { extendTo: inMs(2 * HOUR + round) };
    const contexts = await Promise.all(numbers(8).map(() => storage.getSessionContext(id, options)));
    for (const context of contexts) {
      const names = [context?.session.plan, context?.user.name, context?.organization?.name, context?.roles[0]?.name];
      expect(new Set(names).size).toBe(1);
    }
  }
  isOver = true;
  await writing;
  await writer.end();
});

it.each([1, 20])(
  'sees the user to whom a session was given while it waited for the session, as one of %i calls',
  async (count) => {
    const storage = adapter();
    const id = await newSession();
    const others = await newSessions(count - 1);
    const newUser = unique('user');
    const client = new Client({ connectionString: db.url });
    await client.connect();
    await client.query('BEGIN');
    await client.query('INSERT INTO users (id) VALUES ($1)', [newUser]);
    await client.query('UPDATE sessions SET user_id = $1 WHERE id = $2', [newUser, id]);
    const extendTo = inMs(2 * HOUR);
    const calls = [id, ...others].map((each) => storage.getSessionContext(each, { extendTo }));
    await Promise.all(calls.slice(1));
    await until(async () => (await waiting()) === 1);
    await client.query('COMMIT');
    await client.end();
    expect(await calls[0]).toMatchObject({ session: { userId: newUser, expiresAt: extendTo }, user: { id: newUser } });
    await storage.disconnect();
  },
);

it('a session that expires late enough is returned at once although it is locked', async () => {
  const id = await newSession({ expiresAt: inMs(5 * HOUR) });
  await whileLocked(db, 'SELECT FROM sessions WHERE id = $1 FOR UPDATE', [id], async () => {
    const storage = adapter({ statementTimeoutMs: 2_000, maxRetries: 0 });
    for (const count of [1, 20]) {
      const calls = numbers(count).map(() => storage.getSessionContext(id, { extendTo: inAnHour() }));
      for (const context of await Promise.all(calls)) expect(context?.session.id).toBe(id);
    }
    await storage.disconnect();
  });
});
