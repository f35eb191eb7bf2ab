/** Tables of other applications under the names of ours, and our own tables in schemas where they are not expected. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CATALOGUE } from './helpers/catalogue';
import { asSuperuser, useDatabase } from './helpers/database';
import { expectCode } from './helpers/errors';
import { makeLegacy } from './helpers/legacy-rows';
import { MIGRATIONS, MIGRATIONS_FOLDER } from './helpers/migrations';

describe('tables of another application with the names of ours', () => {
  const db = useDatabase({ migrated: false });

  beforeAll(() =>
    db.query(`
      CREATE TABLE users (id serial PRIMARY KEY, name text, password text, created_at timestamptz DEFAULT now());
      CREATE TABLE sessions (id text PRIMARY KEY, expires_at timestamptz NOT NULL, data jsonb);
      INSERT INTO sessions VALUES ('theirs', '2000-01-01', '{}')`),
  );

  it('are named by connect(), with the option that avoids them', async () => {
    const error = await expectCode(db.storage.connect(), 'schema_mismatch');
    expect(error.message).toContain('sessions, users');
    expect(error.message).toContain(`{schema: 'auth'}`);
    expect(error.message.length).toBeLessThan(300);
  });

  it.each([
    ['after that refusal', () => db.storage],
    ['through an adapter that never connected', () => db.adapter()],
    ['behind a pooler', () => db.adapter({ pooler: 'transaction' })],
  ])('are not changed by any call: %s', async (_, storage) => {
    const before = await db.query('SELECT * FROM sessions');
    await expectCode(storage().deleteExpiredSessions(), 'schema_mismatch');
    await expectCode(storage().getUser('1'), 'schema_mismatch');
    await expectCode(storage().deleteUser('1'), 'schema_mismatch');
    expect(await db.query('SELECT * FROM sessions')).toEqual(before);
  });

  it('are not dropped by rollback()', async () => {
    const before = await db.query(CATALOGUE);
    await expect(db.storage.rollback({ to: null, dropData: true })).resolves.toEqual([]);
    expect(await db.query(CATALOGUE)).toEqual(before);
  });

  it('may stay beside our tables in a schema of their own', async () => {
    const storage = db.adapter({ schema: 'auth' });
    await storage.connect();
    await expect(storage.createUser({})).resolves.toMatchObject({ plan: 'free' });
    await expect(storage.deleteExpiredSessions()).resolves.toBe(0);
  });
});

describe('tables that were created by hand with our SQL', () => {
  const db = useDatabase({ migrated: false });
  const fresh = useDatabase();

  it.each([
    ['all of it', MIGRATIONS],
    ['the first migration', MIGRATIONS.slice(0, 1)],
  ])('are recognised by connect(): %s', async (_, migrations) => {
    await db.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
    for (const id of migrations) {
      // Each file in a transaction, as `psql --single-transaction` runs it.
      await db.query(`BEGIN; ${readFileSync(join(MIGRATIONS_FOLDER, `${id}.up.sql`), 'utf8')}; COMMIT`);
      await db.query('RESET search_path');
    }
    await db.query(`INSERT INTO users (id) VALUES ('there')`);
    const storage = db.adapter();
    await storage.connect();
    expect(await db.query('SELECT id, checksum FROM auth_migrations ORDER BY id')).toEqual(
      await fresh.query('SELECT id, checksum FROM auth_migrations ORDER BY id'),
    );
    await expect(storage.getUser('there')).resolves.toMatchObject({ plan: 'free' });
    expect(await db.query(CATALOGUE)).toEqual(await fresh.query(CATALOGUE));
    await storage.disconnect();
  });
});

describe('with several schemas in the search path', () => {
  const db = useDatabase({ migrated: false });
  const path = (schemas: string) => ({ options: `-c search_path=${schemas}` });

  it.each([
    ['tables of ours', () => db.storage.connect()],
    ['tables of 3.0.x', () => makeLegacy(db, '3.0.x')],
  ])('connect() rejects a later schema that has the tables: %s', async (_, make) => {
    await db.query(
      'DROP SCHEMA public CASCADE; CREATE SCHEMA public; DROP SCHEMA IF EXISTS first CASCADE; CREATE SCHEMA first',
    );
    await make();
    const before = await db.query(CATALOGUE);
    const storage = db.adapter(path('first,public'));
    const error = await expectCode(storage.connect(), 'schema_mismatch');
    expect(error.message).toContain('"first"');
    expect(error.message).toContain('"public"');
    expect(error.message).toContain(`{schema: 'public'}`);
    await expectCode(storage.createUser({}), 'schema_mismatch');
    expect(await db.query(CATALOGUE)).toEqual(before);
    expect(await db.query(`SELECT relname FROM pg_class WHERE relnamespace = 'first'::regnamespace`)).toEqual([]);
    await db.storage.disconnect();
    await db.adapter(path('public,first')).connect();
  });

  it('the adapter uses the tables of the first schema, and ignores those of later ones', async () => {
    await db.query(
      'DROP SCHEMA IF EXISTS first CASCADE; CREATE SCHEMA first; DROP SCHEMA IF EXISTS second CASCADE; CREATE SCHEMA second',
    );
    const storage = db.adapter(path('first,second'));
    await storage.connect();
    const { id } = await storage.createUser({});
    await db.query('CREATE TABLE second.users (LIKE first.users)');
    await expect(storage.getUser(id)).resolves.toMatchObject({ id });
    await db.query('DROP TABLE first.sso_links');
    await expectCode(db.adapter(path('first,second')).connect(), 'schema_mismatch');
  });

  it('connect() rejects old tables in public when the user’s own schema comes first', async () => {
    await db.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
    await makeLegacy(db, '3.0.x');
    const role = `${db.name}_user`;
    await db.query(`CREATE ROLE ${role} SUPERUSER LOGIN PASSWORD 'x'; CREATE SCHEMA ${role}`);
    const url = new URL(db.url);
    url.username = role;
    url.password = 'x';
    try {
      const error = await expectCode(db.adapter({}, url.href).connect(), 'schema_mismatch');
      expect(error.message).toContain(`"${role}"`);
      expect(error.message).toContain('"public"');
      await db.adapter({ schema: 'public' }, url.href).connect();
    } finally {
      await db.query(`DROP SCHEMA ${role}`);
    }
  });

  afterAll(() => asSuperuser((client) => client.query(`DROP ROLE IF EXISTS ${db.name}_user`).catch(() => undefined)));
});
