import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CATALOGUE } from './helpers/catalogue';
import { useDatabase } from './helpers/database';
import { expectCode, expectInvalidInput } from './helpers/errors';
import { until, whileLocked } from './helpers/failing';
import { FIRST, LAST, MIGRATIONS, MIGRATIONS_FOLDER, NEWEST_FIRST } from './helpers/migrations';
import { runScript } from './helpers/process';
import { Relay } from './helpers/relay';

/** All of them, as `auth_migrations` has them. */
const APPLIED = MIGRATIONS.map((id) => ({ id }));

describe('on an empty database', () => {
  const db = useDatabase({ migrated: false });

  it('eight processes at once leave one set of tables, and are all connected', async () => {
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

describe('up, down and up again', () => {
  const db = useDatabase();

  it('leaves nothing in between, and the same in the end', async () => {
    const before = await db.query(CATALOGUE);
    expect(before.length).toBeGreaterThan(200);
    await expect(db.storage.rollback({ to: null, dropData: true })).resolves.toEqual(NEWEST_FIRST);
    expect(await db.query(CATALOGUE)).toEqual([]);
    await db.storage.connect();
    expect(await db.query(CATALOGUE)).toEqual(before);
    await expect(db.storage.createUser({})).resolves.toMatchObject({ plan: 'free' });
  });

  it('keeps the migration named in `to`, and refuses one that does not exist', async () => {
    await expect(db.storage.rollback({ to: LAST })).resolves.toEqual([]);
    await expectInvalidInput(db.storage.rollback({ to: '0000_nothing' }), 'to');
    expect(await db.query('SELECT id FROM auth_migrations ORDER BY id')).toEqual(APPLIED);
  });
});

describe('a second connect()', () => {
  const db = useDatabase();

  it('runs one query and takes no lock', async () => {
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

describe('a database that does not fit', () => {
  const db = useDatabase();

  it('is refused when it is newer than the code', async () => {
    await db.query(`INSERT INTO auth_migrations (id, checksum, duration_ms) VALUES ('9999_future', 'x', 0)`);
    await expectCode(db.adapter().connect(), 'schema_mismatch', { migration: '9999_future' });
    await db.query(`DELETE FROM auth_migrations WHERE id = '9999_future'`);
    await db.adapter().connect();
  });

  it('is refused when an applied migration was another', async () => {
    await db.query(`UPDATE auth_migrations SET checksum = 'edited'`);
    await expectCode(db.adapter().connect(), 'schema_mismatch', { migration: FIRST });
  });
});

describe('a migration that fails', () => {
  const db = useDatabase({ migrated: false });

  it('leaves nothing, and says which and why', async () => {
    await db.query('CREATE TABLE tenant_saml_configs (id int)');
    const before = await db.query(CATALOGUE);
    const error = await expectCode(db.storage.connect(), 'migration_failed', { migration: FIRST, sqlState: '42P07' });
    expect(error.message).toContain(FIRST);
    expect(error.cause?.message).toContain('tenant_saml_configs');
    expect(await db.query(CATALOGUE)).toEqual(before);
    // The server says what failed a little before it lets go of the transaction's locks.
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

  it('does not run when `migrate` is false', async () => {
    await db.storage.rollback({ to: null, dropData: true });
    await expectCode(db.adapter({ migrate: false }).connect(), 'schema_mismatch', { migration: FIRST });
    expect(await db.query(CATALOGUE)).toEqual([]);
  });

  it('waits while another holds the lock', async () => {
    const [{ lock }] = (await db.query<{ lock: string }>(
      `SELECT ('x' || encode('authpgmi', 'hex'))::bit(64)::bigint AS lock`,
    )) as [{ lock: string }];
    await whileLocked(db, 'SELECT pg_advisory_xact_lock($1)', [lock], async (release) => {
      const connecting = db.storage.connect();
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(await db.query(CATALOGUE)).toEqual([]);
      await release();
      await connecting;
    });
    expect(await db.query('SELECT id FROM auth_migrations ORDER BY id')).toEqual(APPLIED);
  });
});

it.each(MIGRATIONS)('%s has a down', (id) => {
  const down = readFileSync(join(MIGRATIONS_FOLDER, `${id}.down.sql`), 'utf8');
  expect(down).toMatch(/^(DROP|ALTER|CREATE) /m);
});
