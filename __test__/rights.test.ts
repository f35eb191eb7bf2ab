/** A take-over and its rollback keep owners and privileges, whatever the default privileges are. */
import { asSuperuser, useDatabase } from './helpers/database';
import { LEGACY_TABLES } from './helpers/legacy';
import { makeLegacy } from './helpers/legacy-rows';
import { LAST } from './helpers/migrations';

describe.each(['3.0.x', '3.1.x'] as const)('owners and privileges of a %s database', (version) => {
  const db = useDatabase({ migrated: false });
  const roles = ['owner', 'app', 'reader', 'revoked', 'clerk'].map((role) => `${db.name}_${role}`);
  const [owner, app, reader, revoked, clerk] = roles as [string, string, string, string, string];

  beforeAll(async () => {
    for (const role of roles) await db.query(`CREATE ROLE ${role} LOGIN PASSWORD 'x'`);
    await makeLegacy(db, version);
    for (const table of LEGACY_TABLES) await db.query(`ALTER TABLE ${table} OWNER TO ${owner}`);
    if (version === '3.1.x') {
      await db.query(
        `ALTER TABLE auth_migrations OWNER TO ${owner}; ALTER FUNCTION set_updated_at() OWNER TO ${owner}`,
      );
    }
    await db.query(`
      GRANT CREATE, USAGE ON SCHEMA public TO ${owner};
      GRANT USAGE ON SCHEMA public TO ${roles.join(', ')};
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${app};
      GRANT USAGE, SELECT ON SEQUENCE auth_events_id_seq TO ${app};
      GRANT SELECT ON organizations TO PUBLIC;
      GRANT SELECT (id, name), UPDATE (name) ON users TO ${reader};
      GRANT SELECT ON roles TO ${reader} WITH GRANT OPTION;
      GRANT SELECT, INSERT, UPDATE, DELETE ON users TO ${clerk};
      REVOKE UPDATE, TRUNCATE ON auth_events FROM ${owner};
      ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO ${revoked};
      ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON SEQUENCES TO ${revoked}`);
  });

  afterAll(() =>
    asSuperuser(async (client) => {
      for (const role of roles) await client.query(`DROP ROLE IF EXISTS ${role}`);
    }),
  );

  /** The privileges on the tables that both versions have, and on the sequence. */
  const rights = async () => ({
    tables: await db.query(
      `SELECT c.relname, pg_get_userbyid(c.relowner) AS owner, pg_get_userbyid(a.grantee) AS grantee, a.privilege_type, a.is_grantable
         FROM pg_class c, aclexplode(COALESCE(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))) a
        WHERE c.relnamespace = 'public'::regnamespace AND (c.relname = ANY($1) OR c.relname = 'auth_events_id_seq')
        ORDER BY 1, 2, 3, 4`,
      [LEGACY_TABLES],
    ),
    columns: await db.query(
      `SELECT c.relname, a.attname, pg_get_userbyid(x.grantee) AS grantee, x.privilege_type
         FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid, aclexplode(a.attacl) x
        WHERE c.relname = ANY($1) AND pg_get_userbyid(x.grantee) <> $2 ORDER BY 1, 2, 3, 4`,
      [LEGACY_TABLES, clerk],
    ),
  });

  const clerksColumns = () =>
    db.query(
      `SELECT a.attrelid::regclass::text AS "table", a.attname, x.privilege_type FROM pg_attribute a, aclexplode(a.attacl) x
        WHERE pg_get_userbyid(x.grantee) = $1 ORDER BY 1, 2, 3`,
      [clerk],
    );

  const revokedRights = () =>
    db.query(`SELECT c.relname FROM pg_class c, aclexplode(c.relacl) a WHERE pg_get_userbyid(a.grantee) = $1`, [
      revoked,
    ]);

  const urlOf = (role: string) => {
    const url = new URL(db.url);
    url.username = role;
    url.password = 'x';
    return url.href;
  };

  it('are the same on the new tables, including those of the owner and of columns', async () => {
    const before = await rights();
    expect(before.columns.length).toBe(3);
    await db.storage.connect();
    const { tables, columns } = await rights();
    // Whoever may insert events need not be given the sequence of their ids.
    const isForAll = ({ relname, grantee }: { relname: string; grantee: string }) =>
      relname === 'auth_events_id_seq' && grantee.startsWith('unknown');
    expect(tables.filter(isForAll)).toMatchObject([{ privilege_type: 'USAGE', is_grantable: false }]);
    expect({ tables: tables.filter((right) => !isForAll(right)), columns }).toEqual(before);
    expect(await revokedRights()).toEqual([]);
  });

  it('make the old owner the owner of functions and additional tables, too', async () => {
    expect(
      await db.query(
        `SELECT DISTINCT pg_get_userbyid(proowner) AS owner FROM pg_proc WHERE pronamespace = 'public'::regnamespace
          UNION SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'`,
      ),
    ).toEqual([{ owner }]);
  });

  it('let a role that may write only users do so, although triggers then write other tables', async () => {
    const organization = await db.storage.createOrganization({ name: 'x', plan: 'x', seats: 1, members: [] });
    const storage = db.adapter({ migrate: false }, urlOf(clerk));
    const { id } = await storage.createUser({});
    await db.query(
      `UPDATE organizations SET members = jsonb_build_array(jsonb_build_object('userId', $2::text, 'role', 'owner')) WHERE id = $1`,
      [organization.id, id],
    );
    await db.query(`SELECT 1`);
    await storage.linkOAuthAccount(id, 'google', { provider: 'google', sub: 'a' });
    await storage.linkOAuthAccount(id, 'google', { provider: 'google', sub: 'b' });
    await db.query(`SET ROLE ${clerk}; DELETE FROM users WHERE id = '${id}'; RESET ROLE`);
    await expect(db.storage.getOrganization(organization.id)).resolves.toMatchObject({ members: [] });
    await db.storage.deleteOrganization(organization.id);
    expect((await clerksColumns()).map(({ table }) => table)).toContain('organizations');
  });

  it('let the owner roll back, and are restored by that', async () => {
    const before = await rights();
    const storage = db.adapter({}, urlOf(owner));
    await storage.rollback({ to: LAST });
    await expect(storage.rollback({ to: null })).resolves.toContain('0000_taken_over');
    expect(await rights()).toEqual(before);
    expect(await revokedRights()).toEqual([]);
    expect(await clerksColumns()).toEqual([]);
    expect(
      await db.query(
        `SELECT DISTINCT pg_get_userbyid(proowner) AS owner FROM pg_proc WHERE pronamespace = 'public'::regnamespace`,
      ),
    ).toEqual(version === '3.1.x' ? [{ owner }] : []);
  });
});
