/** In a database or schema that was renamed or copied, our functions act on the tables beside them and on no others. */
import { asSuperuser, urlOf, useDatabase } from './helpers/database';
import { expectCode } from './helpers/errors';
import { organizationInput } from './helpers/fixtures';

type Storage = ReturnType<ReturnType<typeof useDatabase>['adapter']>;

/** Writes what triggers follow, and says what the tables of the schema have then. */
async function fill(storage: Storage, id: string): Promise<void> {
  await storage.createUser({ id, email: `${id}@example.com` });
  await storage.linkOAuthAccount(id, 'google', { provider: 'google', sub: id });
  await storage.createOrganization(
    organizationInput({ id, members: [{ userId: id, role: 'owner', joinedAt: new Date() }] }),
  );
}

const counts = async (db: ReturnType<typeof useDatabase>, schema: string) =>
  (
    await db.query(
      `SELECT (SELECT count(*)::int FROM "${schema}".users) AS users
            , (SELECT count(*)::int FROM "${schema}".user_oauth_accounts) AS accounts
            , (SELECT count(*)::int FROM "${schema}".organization_members) AS members`,
    )
  )[0];

const db = useDatabase({ migrated: false });

it('a renamed schema works, also beside a new schema with its old name', async () => {
  await fill(await connected('live'), 'first');
  await db.query('ALTER SCHEMA live RENAME TO staging');
  const staging = await connected('staging');
  await staging.updateUser('first', { name: 'x' });
  await staging.unlinkOAuthAccount('first', 'google');
  expect(await counts(db, 'staging')).toEqual({ users: 1, accounts: 0, members: 1 });

  const live = await connected('live');
  await fill(live, 'second');
  await fill(staging, 'third');
  expect(await counts(db, 'live')).toEqual({ users: 1, accounts: 1, members: 1 });
  expect(await counts(db, 'staging')).toEqual({ users: 2, accounts: 1, members: 2 });
  await staging.deleteUser('third');
  expect(await counts(db, 'live')).toEqual({ users: 1, accounts: 1, members: 1 });
  await expect(staging.getOrganization('third')).resolves.toMatchObject({ members: [] });
});

it('connect() repairs the functions of a schema that was made by the first migration alone and renamed since', async () => {
  const before = await connected('before');
  await before.rollback({ to: '0001_initial_schema' });
  await db.query('ALTER SCHEMA before RENAME TO after');
  const beside = await connected('before');
  await fill(beside, 'beside');
  const after = await connected('after');
  await fill(after, 'there');
  await after.deleteUser('there');
  expect(await counts(db, 'after')).toEqual({ users: 0, accounts: 0, members: 0 });
  expect(await counts(db, 'before')).toEqual({ users: 1, accounts: 1, members: 1 });
});

it('a database created from another as its template does not change the original', async () => {
  await fill(await connected('original'), 'one');
  const copy = `${db.name}_copy`;
  await db.storage.disconnect();
  for (const storage of open.splice(0)) await storage.disconnect();
  await asSuperuser(async (client) => {
    await client.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [db.name]);
    await client.query(`CREATE DATABASE ${copy} TEMPLATE ${db.name}`);
  });
  try {
    const storage = db.adapter({ schema: 'original' }, urlOf(copy));
    await storage.connect();
    await fill(storage, 'two');
    await storage.disconnect();
    expect(await counts(db, 'original')).toEqual({ users: 1, accounts: 1, members: 1 });
  } finally {
    await asSuperuser((client) => client.query(`DROP DATABASE ${copy}`));
  }
});

it.each([
  ['a table', 'ALTER TABLE sessions SET SCHEMA other', 'sessions'],
  [
    'a foreign key',
    `ALTER TABLE sessions DROP CONSTRAINT sessions_user_id_fkey;
     ALTER TABLE sessions ADD CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES staging.users (id)`,
    'sessions_user_id_fkey',
  ],
  ['a trigger', 'ALTER FUNCTION auth_sync_oauth_accounts() SET SCHEMA other', 'users_sync_oauth_on_insert'],
  ['a setting', 'ALTER FUNCTION auth_leave_organizations() SET search_path = other', 'auth_leave_organizations'],
])('connect() and healthCheck() report a part that leads into another schema: %s', async (what, change, name) => {
  const schema = `led_${what.replace(/\W/g, '_')}`;
  const storage = await connected(schema);
  await db.query(`CREATE SCHEMA IF NOT EXISTS other; SET search_path = "${schema}"; ${change}; RESET search_path`);
  await storage.disconnect();
  const error = await expectCode(db.adapter({ schema }).connect(), 'schema_mismatch');
  expect(error.message).toContain(name);
  await expect(db.adapter({ schema }).healthCheck()).resolves.toMatchObject({
    status: 'error',
    code: 'auth_postgres/schema_mismatch',
  });
});

const open: Storage[] = [];
async function connected(schema: string): Promise<Storage> {
  const storage = db.adapter({ schema });
  open.push(storage);
  await storage.connect();
  return storage;
}
