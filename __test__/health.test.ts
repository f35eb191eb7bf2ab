/** `healthCheck()` reports whether calls can be served, and never rejects. */
import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { asSuperuser, useDatabase } from './helpers/database';

const db = useDatabase();

const healthOf = (storage: PostgresStorageAdapter) => storage.healthCheck();

it('healthCheck() reports ok for a migrated database', async () => {
  expect(await healthOf(db.storage)).toMatchObject({ status: 'ok', pendingMigrations: [] });
});

it('healthCheck() reports schema_mismatch for every column that is missing, and names it', async () => {
  const columns = await db.query<{ tab: string; col: string }>(`
    SELECT c.relname AS tab, a.attname AS col
      FROM pg_attribute a
      JOIN pg_class c ON c.oid = a.attrelid
     WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
       AND c.relnamespace = 'public'::regnamespace AND c.relname <> 'auth_migrations'
       AND a.attnum > 0 AND NOT a.attisdropped`);
  expect(columns.length).toBeGreaterThan(100);
  for (const { tab, col } of columns) {
    await db.query(`ALTER TABLE ${tab} RENAME COLUMN ${col} TO elsewhere`);
    const health = await healthOf(db.storage);
    await db.query(`ALTER TABLE ${tab} RENAME COLUMN elsewhere TO ${col}`);
    expect({ tab, col, ...health }).toMatchObject({ status: 'error', code: 'auth_postgres/schema_mismatch' });
    expect(health.message).toContain(`${tab}.${col}`);
  }
  expect(await healthOf(db.storage)).toMatchObject({ status: 'ok' });
});

it('healthCheck() reports a missing table, and names it once', async () => {
  await db.query('ALTER TABLE sessions RENAME TO elsewhere');
  try {
    const health = await healthOf(db.storage);
    expect(health).toMatchObject({ status: 'error', code: 'auth_postgres/schema_mismatch' });
    expect(health.message).toBe('tables are missing in the schema "public": sessions');
  } finally {
    await db.query('ALTER TABLE elsewhere RENAME TO sessions');
  }
});

it.each(['SELECT', 'INSERT', 'UPDATE', 'DELETE'])('healthCheck() reports a role that lacks %s', async (privilege) => {
  const user = `health_${privilege.toLowerCase()}`;
  await asSuperuser((client) => client.query(`CREATE ROLE ${user} LOGIN PASSWORD 'hunter2'`));
  try {
    await db.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${user}`);
    const storage = db.adapter({ user, password: 'hunter2' });
    expect(await healthOf(storage)).toMatchObject({ status: 'ok' });
    await db.query(`REVOKE ${privilege} ON roles FROM ${user}`);
    const health = await healthOf(storage);
    expect(health).toMatchObject({ status: 'error', code: 'auth_postgres/permission_denied' });
    expect(health.message).toContain(`the role lacks privileges (${privilege} on roles): GRANT`);
    await storage.disconnect();
  } finally {
    await db.query(`DROP OWNED BY ${user}`);
    await asSuperuser((client) => client.query(`DROP ROLE ${user}`));
  }
});

it.each([
  null,
  7,
  'x',
  [],
  { unknown: 1 },
  { timeoutMs: -1 },
  { timeoutMs: Number.NaN },
  { timeoutMs: 0 },
  { signal: 1 },
  { signal: AbortSignal.abort() },
])('healthCheck() resolves when its options are %p', async (options) => {
  const health = await db.storage.healthCheck(options as never);
  expect(health).toMatchObject({ status: expect.stringMatching(/^(ok|error)$/), latencyMs: expect.any(Number) });
  expect(health.pool).toEqual({ total: expect.any(Number), idle: expect.any(Number), waiting: expect.any(Number) });
  if (health.status === 'error') expect(health.code).toMatch(/^auth_postgres\//);
});

it('healthCheck() resolves with invalid_input when reading an option throws', async () => {
  const options = {
    get timeoutMs(): number {
      throw new Error('boom');
    },
  };
  expect(await db.storage.healthCheck(options)).toMatchObject({
    status: 'error',
    code: 'auth_postgres/invalid_input',
  });
});

it('healthCheck() resolves with not_connected after disconnect()', async () => {
  const storage = db.adapter();
  await storage.disconnect();
  expect(await healthOf(storage)).toMatchObject({ status: 'error', code: 'auth_postgres/not_connected' });
});
