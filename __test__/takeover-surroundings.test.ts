/** A take-over refuses tables that it does not know, and keeps owners, privileges, foreign keys and the schema. */
import { CATALOGUE } from './helpers/catalogue';
import { asSuperuser, urlOf, useDatabase } from './helpers/database';
import { expectCode } from './helpers/errors';
import { LEGACY_TABLES, legacySchema } from './helpers/legacy';
import { dump, makeLegacy } from './helpers/legacy-rows';

describe('tables that differ from those of the TypeScript adapter', () => {
  const db = useDatabase({ migrated: false });
  const empty = () => db.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');

  it.each([
    ['a table is missing', 'DROP TABLE auth_events', 'missing: auth_events.data jsonb not null'],
    ['a column is missing', 'ALTER TABLE users DROP COLUMN picture', 'missing: users.picture character varying(1024)'],
    ['a column is new', 'ALTER TABLE users ADD COLUMN age integer', 'unexpected: users.age integer'],
    ['a type differs', 'ALTER TABLE users ALTER COLUMN name TYPE text', 'unexpected: users.name text'],
    ['a default differs', `ALTER TABLE users ALTER COLUMN plan SET DEFAULT 'pro'`, `users.plan`],
    ['a constraint is missing', 'ALTER TABLE users DROP CONSTRAINT users_email_key', 'users_email_key UNIQUE (email)'],
    ['a constraint is new', 'ALTER TABLE users ADD CHECK (length(name) > 1)', 'users: constraint users_name_check'],
    [
      'a foreign key of 3.1.x alone is there',
      'ALTER TABLE roles ADD CONSTRAINT roles_org_id_fkey FOREIGN KEY (org_id) REFERENCES organizations(id) ON DELETE CASCADE',
      'unexpected: roles: constraint roles_org_id_fkey',
    ],
    ['an index is new', 'CREATE INDEX mine ON users (name)', 'unexpected: users: index mine'],
    [
      'a trigger is new',
      'CREATE TRIGGER mine BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()',
      'users: trigger mine',
    ],
    ['a view reads them', 'CREATE VIEW mine AS SELECT id FROM users', 'users: used by rule _RETURN on view mine'],
    [
      'a policy guards them',
      'ALTER TABLE users ENABLE ROW LEVEL SECURITY; CREATE POLICY mine ON users USING (true)',
      'users: used by policy mine on table users',
    ],
    ['a publication has them', 'CREATE PUBLICATION mine FOR TABLE users', 'users: used by publication'],
    ['a table inherits', 'CREATE TABLE mine () INHERITS (users)', 'users: inheritance'],
    [
      'only one of the names is there',
      `${LEGACY_TABLES.filter((t) => t !== 'users')
        .map((t) => `DROP TABLE IF EXISTS ${t} CASCADE`)
        .join(';')}`,
      'missing: api_keys.created_at',
    ],
    [
      'another program has a table of migrations',
      'CREATE TABLE auth_migrations (version int)',
      'unexpected: auth_migrations.version integer',
    ],
  ])('are rejected when %s', async (_, change, difference) => {
    await empty();
    await db.query(legacySchema('3.0.x'));
    await db.query(change);
    const before = await db.query(CATALOGUE);
    const error = await expectCode(db.storage.connect(), 'schema_mismatch', { migration: '0000_taken_over' });
    expect(error.message).toContain(difference);
    expect(error.message).toContain('3.0.x');
    expect(await db.query(CATALOGUE)).toEqual(before);
    await db.query('DROP PUBLICATION IF EXISTS mine');
  });

  it('are rejected when 3.1.x has applied an unknown migration', async () => {
    await empty();
    await db.query(legacySchema('3.1.x'));
    await db.query(`INSERT INTO auth_migrations (id) VALUES ('0002_next')`);
    const error = await expectCode(db.storage.connect(), 'schema_mismatch');
    expect(error.message).toContain('0001_initial_schema_v2, 0002_next');
  });

  it('are not taken over when `migrate` is false', async () => {
    await empty();
    await db.query(legacySchema('3.1.x'));
    const before = await db.query(CATALOGUE);
    await expectCode(db.adapter({ migrate: false }).connect(), 'schema_mismatch', { migration: '0001_initial_schema' });
    expect(await db.query(CATALOGUE)).toEqual(before);
  });

  it('may lack indexes', async () => {
    await empty();
    await db.query(legacySchema('3.0.x'));
    await db.query('DROP INDEX idx_users_email');
    await expect(db.storage.connect()).resolves.toBeUndefined();
  });
});

describe('a take-over, regarding what surrounds the tables,', () => {
  const db = useDatabase({ migrated: false });
  const roles = ['owner', 'app', 'reader'].map((role) => `${db.name}_${role}`);
  const [owner, app, reader] = roles as [string, string, string];

  beforeAll(async () => {
    await makeLegacy(db, '3.0.x');
    for (const role of roles) await db.query(`CREATE ROLE ${role} LOGIN PASSWORD 'x'`);
    for (const table of LEGACY_TABLES) await db.query(`ALTER TABLE ${table} OWNER TO ${owner}`);
    await db.query(`
      GRANT CREATE, USAGE ON SCHEMA public TO ${owner};
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${app};
      GRANT SELECT (id, name) ON users TO ${reader};
      GRANT SELECT ON roles TO ${reader} WITH GRANT OPTION;
      CREATE SCHEMA shop;
      CREATE TABLE shop.orders (id int, user_id varchar(255) CONSTRAINT of_user REFERENCES users (id) ON DELETE CASCADE);
      INSERT INTO shop.orders VALUES (1, 'user-1'), (2, NULL)`);
  });

  // The database, which depends on them, has been dropped by then.
  afterAll(async () => {
    await asSuperuser(async (client) => {
      for (const role of roles) await client.query(`DROP ROLE IF EXISTS ${role}`);
    });
  });

  const surroundings = async () => ({
    owners: await db.query(
      `SELECT DISTINCT pg_get_userbyid(relowner) AS owner FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace`,
    ),
    grants: await db.query(
      `SELECT c.relname, a.privilege_type, a.is_grantable FROM pg_class c, aclexplode(c.relacl) a
        WHERE pg_get_userbyid(a.grantee) = ANY($1) AND c.relname = ANY($2) ORDER BY 1, 2, 3`,
      [[app, reader], LEGACY_TABLES],
    ),
    columns: await db.query(
      `SELECT attname FROM pg_attribute WHERE attrelid = 'users'::regclass AND attacl IS NOT NULL ORDER BY 1`,
    ),
    references: await db.query(
      `SELECT pg_get_constraintdef(oid) AS definition FROM pg_constraint WHERE conrelid = 'shop.orders'::regclass AND contype = 'f'`,
    ),
  });

  it('keeps owners, privileges and foreign keys of other tables', async () => {
    const before = await surroundings();
    expect(before.grants.length).toBeGreaterThan(50);
    await db.storage.connect();
    expect(await surroundings()).toEqual(before);
    await expect(db.query(`INSERT INTO shop.orders VALUES (3, 'nobody')`)).rejects.toThrow('of_user');
  });

  it('lets the application’s role use the new tables without migrating', async () => {
    const url = new URL(urlOf(db.name));
    url.username = app;
    url.password = 'x';
    const storage = db.adapter({ migrate: false }, url.href);
    await storage.connect();
    const user = await storage.createUser({ email: 'app@example.com' });
    await storage.linkOAuthAccount(user.id, 'github', { provider: 'github', sub: '1' });
    await storage.createOrganization({
      ...{ name: 'x', plan: 'x', seats: 1, members: [{ userId: user.id, role: 'owner', joinedAt: new Date() }] },
    });
    await storage.storeTenantSAMLConfig({ tenantId: 't' });
    await storage.deleteTenantSAMLConfig('t');
    await storage.deleteUser(user.id);
    await expectCode(storage.rollback({ to: null, dropData: true }), 'permission_denied', { sqlState: '42501' });
  });

  it('keeps owners, privileges and foreign keys in a rollback, too', async () => {
    await db.query(`DELETE FROM organizations WHERE name = 'x'`);
    const before = await surroundings();
    await db.storage.rollback({ to: null, dropData: true });
    expect(await surroundings()).toEqual(before);
  });
});

describe('old tables in a schema whose name needs quotes', () => {
  const db = useDatabase({ migrated: false });
  const fresh = useDatabase({ migrated: false });

  it('are taken over in that schema, and old tables in another schema are not changed', async () => {
    const schema = 'Au"th data';
    const create = `CREATE SCHEMA "Au""th data"; SET search_path TO "Au""th data"`;
    await db.query(
      `${create}; ${legacySchema('3.0.x')}; INSERT INTO users (id) VALUES ('here'); SET search_path TO public`,
    );
    await makeLegacy(db, '3.1.x');
    const beside = await dump(db);
    const storage = db.adapter({ schema });
    await storage.connect();
    await expect(storage.getUser('here')).resolves.toMatchObject({ plan: 'free' });
    expect(await dump(db)).toEqual(beside);
    await fresh.adapter({ schema }).connect();
    const catalogue = CATALOGUE.replaceAll(
      'current_schema()::regnamespace',
      `'"Au""th data"'::regnamespace`,
    ).replaceAll('current_schema()', `'Au"th data'`);
    expect((await db.query(catalogue)).length).toBeGreaterThan(200);
    expect(await db.query(catalogue)).toEqual(await fresh.query(catalogue));
  });
});
