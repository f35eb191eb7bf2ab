/** connect() applies the pending migrations once, whoever calls it at the same time, and rollback() undoes them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CATALOGUE } from './helpers/catalogue';
import { useDatabase } from './helpers/database';
import { expectCode, expectInvalidInput } from './helpers/errors';
import { until, whileLocked } from './helpers/failing';
import { FIRST, LAST, MIGRATION_LOCK, MIGRATIONS, MIGRATIONS_FOLDER, NEWEST_FIRST } from './helpers/migrations';
import { runScript } from './helpers/process';
import { Relay } from './helpers/relay';

/** All migrations as rows of `auth_migrations`. */
const APPLIED = MIGRATIONS.map((id) => ({ id }));

describe('connect() on an empty database', () => {
  const db = useDatabase({ migrated: false });

  it('connects eight processes at once, and migrates the database once', async () => {
    const script = `
      import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
      const storage = new PostgresStorageAdapter(process.env.URL);
      await storage.connect();
      const user = await storage.createUser({});
      console.log((await storage.getUser(user.id)).id === user.id);
      await storage.disconnect();`;
    const results = await Promise.all(Array.from({ length: 8 }, () => runScript(script, { env: { URL: db.url } })));
    for (const { code, stdout, stderr } of results)
      expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'true\n', stderr: '' });
    expect(await db.query('SELECT id FROM auth_migrations ORDER BY id')).toEqual(APPLIED);
    expect(await db.query('SELECT count(*)::int AS n FROM users')).toEqual([{ n: 8 }]);
  });
});

describe('rollback() and connect()', () => {
  const db = useDatabase();

  it('leave an empty catalogue after the rollback, and the original one after connecting again', async () => {
    const before = await db.query(CATALOGUE);
    expect(before.length).toBeGreaterThan(200);
    await expect(db.storage.rollback({ to: null, dropData: true })).resolves.toEqual(NEWEST_FIRST);
    expect(await db.query(CATALOGUE)).toEqual([]);
    await db.storage.connect();
    expect(await db.query(CATALOGUE)).toEqual(before);
    await expect(db.storage.createUser({})).resolves.toMatchObject({ plan: 'free' });
  });

  it('keep the migration named in `to`, and reject one that does not exist', async () => {
    await expect(db.storage.rollback({ to: LAST })).resolves.toEqual([]);
    await expectInvalidInput(db.storage.rollback({ to: '0000_nothing' }), 'to');
    expect(await db.query('SELECT id FROM auth_migrations ORDER BY id')).toEqual(APPLIED);
  });
});

describe('a second connect()', () => {
  const db = useDatabase();

  it('sends one statement and takes no lock', async () => {
    const relay = await Relay.start(db.url);
    const storage = db.adapter({}, relay.url);
    try {
      await storage.connect();
      expect(relay.statements).toHaveLength(1);
      expect(relay.statements.join()).not.toMatch(/lock/i);
      relay.reset();
      await storage.connect();
      expect(relay.roundTrips).toBe(1);
    } finally {
      await storage.disconnect();
      await relay.close();
    }
  });
});

describe('connect() rejects a database', () => {
  const db = useDatabase();

  it('with a migration that this version does not know', async () => {
    await db.query(`INSERT INTO auth_migrations (id, checksum, duration_ms) VALUES ('9999_future', 'x', 0)`);
    await expectCode(db.adapter().connect(), 'schema_mismatch', { migration: '9999_future' });
    // The processes of the version before it go on.
    await expect(db.storage.healthCheck()).resolves.toMatchObject({ status: 'ok', pendingMigrations: [] });
    await db.query(`DELETE FROM auth_migrations WHERE id = '9999_future'`);
    await db.adapter().connect();
  });

  it('that has lost the row of a migration, and says what repairs it', async () => {
    const lost = MIGRATIONS[4] as string;
    const fresh = db.adapter();
    await fresh.migrate();
    await db.query('DELETE FROM auth_migrations WHERE id = $1', [lost]);
    for (const call of [() => db.adapter().connect(), () => fresh.migrate(), () => fresh.rollback({ to: FIRST })]) {
      const error = await expectCode(call(), 'schema_mismatch', { migration: lost });
      expect(error.message).toContain('auth-postgres doctor');
    }
    const finding = (await fresh.diagnose()).find(({ id }) => id === 'schema.migrations');
    await db.query(finding?.repair as string);
    await db.adapter().connect();
    await fresh.disconnect();
  });

  it('with a migration whose checksum differs', async () => {
    await db.query(`UPDATE auth_migrations SET checksum = 'edited'`);
    await expectCode(db.adapter().connect(), 'schema_mismatch', { migration: FIRST });
  });
});

describe('a migration', () => {
  const db = useDatabase({ migrated: false });

  it('that fails changes nothing, and the error names it and the reason', async () => {
    await db.query('CREATE TABLE tenant_saml_configs (id int)');
    const before = await db.query(CATALOGUE);
    const error = await expectCode(db.storage.connect(), 'migration_failed', { migration: FIRST, sqlState: '42P07' });
    expect(error.message).toContain(FIRST);
    expect(error.cause?.message).toContain('tenant_saml_configs');
    expect(await db.query(CATALOGUE)).toEqual(before);
    // The server reports the failure a little before it releases the locks of the transaction.
    await until(async () => {
      const held = await db.query(
        `SELECT 1 FROM pg_locks
          WHERE locktype = 'advisory'
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      );
      return held.length === 0;
    });
    await db.query('DROP TABLE tenant_saml_configs');
    await db.storage.connect();
  });

  it('is not run when `migrate` is false', async () => {
    await db.storage.rollback({ to: null, dropData: true });
    await expectCode(db.adapter({ migrate: false }).connect(), 'schema_mismatch', { migration: FIRST });
    expect(await db.query(CATALOGUE)).toEqual([]);
  });

  it('waits while another session holds the migration lock', async () => {
    await whileLocked(db, `SELECT pg_advisory_xact_lock(${MIGRATION_LOCK})`, [], async (release) => {
      const connecting = db.storage.connect();
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(await db.query(CATALOGUE)).toEqual([]);
      await release();
      await connecting;
    });
    expect(await db.query('SELECT id FROM auth_migrations ORDER BY id')).toEqual(APPLIED);
  });
});

it.each(MIGRATIONS)('the migration %s has a down script', (id) => {
  const down = readFileSync(join(MIGRATIONS_FOLDER, `${id}.down.sql`), 'utf8');
  expect(down).toMatch(/^(DROP|ALTER|CREATE) /m);
});
