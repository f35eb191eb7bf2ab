/** The option `schema` names the schema of our tables, which may have any name. */
import { useDatabase } from './helpers/database';
import { expectCode } from './helpers/errors';
import { argumentsOf, call, makeScene } from './helpers/every-method';
import { oauthLink, organizationInput, unique } from './helpers/fixtures';

const db = useDatabase({ migrated: false });

const relationsIn = async (schema: string) =>
  (
    await db.query<{ relname: string }>(
      `SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1`,
      [schema],
    )
  ).map(({ relname }) => relname);

afterEach(async () => {
  expect(await relationsIn('public')).toEqual([]);
});

it.each([
  'plain',
  'Capitals',
  'with space',
  `it's`,
  'say "hi"',
  '"; DROP SCHEMA public; --',
  'back\\slash',
  '$USER',
  'a,b',
  'select',
  'ünï çøde 🔐',
  'x'.repeat(63),
])('the schema %j is created by connect(), used by every method, and empty after a rollback', async (schema) => {
  const storage = db.adapter({ schema });
  await storage.connect();
  expect(await relationsIn(schema)).toEqual(expect.arrayContaining(['users', 'auth_migrations', 'sessions_pkey']));
  await expect(storage.healthCheck()).resolves.toMatchObject({ status: 'ok', pendingMigrations: [] });
  const scene = await makeScene(storage);
  for (const [method, args] of Object.entries(argumentsOf(scene))) await call(storage, method, args);
  await expect(storage.rollback({ to: null, dropData: true })).resolves.not.toEqual([]);
  expect(await relationsIn(schema)).toEqual([]);
  await storage.connect();
  await expect(storage.createUser({})).resolves.toMatchObject({ plan: 'free' });
});

it('two adapters with different schemas share no data', async () => {
  const [one, two] = [db.adapter({ schema: 'One' }), db.adapter({ schema: 'one' })];
  await Promise.all([one.connect(), two.connect()]);
  const id = unique();
  const email = 'same@example.com';
  const link = oauthLink('google');
  for (const storage of [one, two]) {
    await storage.createUser({ id, email });
    await storage.linkOAuthAccount(id, 'google', link);
    await storage.createOrganization(
      organizationInput({ id, members: [{ userId: id, role: 'owner', joinedAt: new Date() }] }),
    );
  }
  await one.updateUser(id, { name: 'One' });
  await two.deleteUser(id);
  await expect(one.getUserByOAuth('google', link.sub)).resolves.toMatchObject({ id, name: 'One' });
  await expect(one.getOrganization(id)).resolves.toMatchObject({ members: [{ userId: id }] });
  await expect(two.getUserByEmail(email)).resolves.toBeNull();
  await expect(two.getOrganization(id)).resolves.toMatchObject({ members: [] });
  await two.rollback({ to: null, dropData: true });
  await expect(one.getUser(id)).resolves.toMatchObject({ name: 'One' });
});

it('a missing schema is created only by connect() with migrations', async () => {
  await expectCode(db.adapter({ schema: 'missing' }).getUser('x'), 'schema_mismatch');
  await expectCode(db.adapter({ schema: 'missing', migrate: false }).connect(), 'schema_mismatch');
  expect(await db.query(`SELECT 1 FROM pg_namespace WHERE nspname = 'missing'`)).toEqual([]);
});

it('triggers in the schema work for writers with another search_path', async () => {
  const storage = db.adapter({ schema: 'Elsewhere' });
  await storage.connect();
  const user = await storage.createUser({});
  await db.query(`UPDATE "Elsewhere".users SET oauth = '{"google": {"sub": "s"}}' WHERE id = $1`, [user.id]);
  await expect(storage.getUserByOAuth('google', 's')).resolves.toMatchObject({ id: user.id });
  const team = await storage.createOrganization(
    organizationInput({ members: [{ userId: user.id, role: 'owner', joinedAt: new Date() }] }),
  );
  await db.query(`DELETE FROM "Elsewhere".users WHERE id = $1`, [user.id]);
  await expect(storage.getOrganization(team.id)).resolves.toMatchObject({ members: [] });
});
