/** connect(), healthCheck() and calls tell a role without sufficient privileges what it lacks. */

import { Collector } from './helpers/collector';
import { asSuperuser, useDatabase } from './helpers/database';
import { expectCode } from './helpers/errors';
import { FIRST } from './helpers/migrations';
import { Relay } from './helpers/relay';

const db = useDatabase();
const role = `${db.name}_role`;

const url = (() => {
  const to = new URL(db.url);
  to.username = role;
  to.password = 'x';
  return to.href;
})();

beforeAll(() => db.query(`CREATE ROLE ${role} LOGIN PASSWORD 'x'; REVOKE ALL ON SCHEMA public FROM PUBLIC`));
afterEach(() =>
  db.query(`
    DROP POLICY IF EXISTS mine ON sessions;
    ALTER TABLE sessions DISABLE ROW LEVEL SECURITY;
    REVOKE ALL ON ALL TABLES IN SCHEMA public FROM ${role}`),
);
afterAll(() =>
  asSuperuser(async (client) => {
    await client.query(`DROP DATABASE IF EXISTS ${db.name}`).catch(() => undefined);
    await client.query(`DROP ROLE IF EXISTS ${role}`).catch(() => undefined);
  }),
);

const all = `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${role}`;

async function isDenied(grant: string, migrate = true): Promise<void> {
  const error = await expectCode(db.adapter({ migrate }, url).connect(), 'permission_denied');
  expect(error.message).toContain(grant);
  await expect(db.adapter({}, url).healthCheck()).resolves.toMatchObject({
    status: 'error',
    code: 'auth_postgres/permission_denied',
  });
}

it.each([true, false])('a role without USAGE on the schema is denied (migrate: %s)', async (migrate) => {
  await db.query(`REVOKE USAGE ON SCHEMA public FROM ${role}`);
  await isDenied(`GRANT USAGE ON SCHEMA "public" TO "${role}"`, migrate);
  await expectCode(db.adapter({}, url).getUser('x'), 'permission_denied');
  await expectCode(db.adapter({ schema: 'public' }, url).connect(), 'permission_denied');
});

it('a role without privileges on the tables is told which to grant', async () => {
  await db.query(`GRANT USAGE ON SCHEMA public TO ${role}; GRANT SELECT ON auth_migrations TO ${role}`);
  await isDenied('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "public"');
  await expectCode(db.adapter({}, url).getUser('x'), 'permission_denied', { sqlState: '42501' });
  await db.query(`${all}; REVOKE DELETE ON sessions FROM ${role}`);
  await isDenied('DELETE on sessions');
  await db.query(all);
  await db.adapter({}, url).connect();
});

it('a role that row level security hides all rows from is denied, and one with a policy is warned', async () => {
  await db.query(`GRANT USAGE ON SCHEMA public TO ${role}; ${all}; ALTER TABLE sessions ENABLE ROW LEVEL SECURITY`);
  await isDenied('CREATE POLICY auth_postgres ON "public"."sessions"');
  await db.query(`CREATE POLICY mine ON sessions TO ${role} USING (true)`);
  const logger = new Collector();
  const storage = db.adapter({ logger }, url);
  await storage.connect();
  await storage.connect();
  const { id } = await db.storage.createUser({});
  await storage.createSession({ userId: id, expiresAt: new Date(Date.now() + 1e6) });
  expect(logger.lines.filter(({ level }) => level === 'warn')).toEqual([
    expect.objectContaining({ message: expect.stringContaining('row level security'), fields: { tables: 'sessions' } }),
  ]);
});

it('the first call of an adapter that never connected tells of row security, and later calls pay nothing for it', async () => {
  const { id: userId } = await db.storage.createUser({});
  const session = () => db.storage.createSession({ userId, expiresAt: new Date(Date.now() - 1e6) });
  await Promise.all([session(), session()]);
  await db.query(`GRANT USAGE ON SCHEMA public TO ${role}; ${all}; ALTER TABLE sessions ENABLE ROW LEVEL SECURITY`);
  const logger = new Collector();
  const relay = await Relay.start(url);
  const storage = db.adapter({ logger, max: 1 }, relay.url);
  for (const call of [
    () => storage.deleteExpiredSessions(),
    () => storage.deleteUserSessions(userId),
    () => storage.getSession('x'),
  ]) {
    const error = await expectCode(call(), 'permission_denied');
    expect(error.message).toContain('CREATE POLICY auth_postgres ON "public"."sessions"');
  }
  await db.query(`CREATE POLICY mine ON sessions TO ${role} USING (true)`);
  await expect(storage.deleteUserSessions(userId)).resolves.toBe(2);
  const warnings = () => logger.lines.filter(({ level }) => level === 'warn');
  expect(warnings()).toEqual([
    expect.objectContaining({ message: expect.stringContaining('row level security'), fields: { tables: 'sessions' } }),
  ]);
  relay.reset();
  await storage.deleteUserSessions(userId);
  expect(relay.roundTrips).toBe(1);
  expect(warnings()).toHaveLength(1);
  await relay.close();
});

it('a role without CREATE on the database can use a schema that exists', async () => {
  await db.query(`CREATE SCHEMA prepared; GRANT ALL ON SCHEMA prepared TO ${role}`);
  const storage = db.adapter({ schema: 'prepared' }, url);
  await storage.connect();
  await expect(storage.createUser({})).resolves.toMatchObject({ plan: 'free' });
  await storage.rollback({ to: null, dropData: true });
  const refused = db.adapter({ schema: 'not_there' }, url).connect();
  const error = await expectCode(refused, 'permission_denied', { sqlState: '42501' });
  expect(error.message).toContain('CREATE on the database');
});

it('a role without CREATE on the schema cannot migrate it', async () => {
  await db.query(`CREATE SCHEMA empty; GRANT USAGE ON SCHEMA empty TO ${role}`);
  await expectCode(db.adapter({ schema: 'empty' }, url).connect(), 'permission_denied', { sqlState: '42501' });
});

it.each([null, FIRST])(
  'a role that does not own the tables cannot roll back to %s, and is told who can',
  async (to) => {
    await db.query(`GRANT USAGE ON SCHEMA public TO ${role}; ${all}`);
    const refused = db.adapter({}, url).rollback({ to, dropData: true });
    const error = await expectCode(refused, 'permission_denied', { sqlState: '42501' });
    expect(error.message).toContain('owns the tables');
  },
);
