/** `updatedAt` is the time of the write, not of the beginning of its transaction, and each change makes it later. */
import { Client } from 'pg';
import { useDatabase } from './helpers/database';
import { makeWorld } from './helpers/families';
import { apiKeyInput, roleInput, sessionInput, tenantSamlInput } from './helpers/fixtures';

const db = useDatabase();
/** What has an `updated_at` that a trigger keeps, with a column to change and the key of a row. */
const ROWS: Record<string, { key: string; column: string; id: string }> = {};

beforeAll(async () => {
  const { userId, orgId, providerId, deviceId } = await makeWorld(db.storage);
  const { storage } = db;
  const tenant = tenantSamlInput();
  await storage.storeTenantSAMLConfig(tenant);
  Object.assign(ROWS, {
    users: { key: 'id', column: 'metadata', id: userId },
    organizations: { key: 'id', column: 'metadata', id: orgId },
    sessions: { key: 'id', column: 'metadata', id: (await storage.createSession(sessionInput(userId))).id },
    api_keys: { key: 'id', column: 'metadata', id: (await storage.createApiKey(apiKeyInput(userId))).id },
    roles: { key: 'id', column: 'metadata', id: (await storage.createRole(roleInput(orgId))).id },
    sso_providers: { key: 'id', column: 'metadata', id: providerId },
    twofa_devices: { key: 'id', column: 'metadata', id: deviceId },
    tenant_saml_configs: { key: 'tenant_id', column: 'config', id: tenant.tenantId },
  });
});

it('updated_at is later after an older transaction than after the newer one that it waited for', async () => {
  const older = new Client({ connectionString: db.url });
  const newer = new Client({ connectionString: db.url });
  await Promise.all([older.connect(), newer.connect()]);
  const change = async (client: Client, table: string, value: string) => {
    const { key, column, id } = ROWS[table] as (typeof ROWS)[string];
    const sql = `UPDATE ${table} SET ${column} = $2::text::jsonb WHERE ${key} = $1 RETURNING updated_at`;
    return (await client.query(sql, [id, value])).rows[0].updated_at as Date;
  };
  try {
    for (const table of Object.keys(ROWS)) {
      await older.query('BEGIN');
      await older.query('SELECT now()');
      await new Promise((resolve) => setTimeout(resolve, 20));
      await newer.query('BEGIN');
      const before = await change(newer, table, '{"by": "newer"}');
      const waiting = change(older, table, '{"by": "older"}');
      await new Promise((resolve) => setTimeout(resolve, 20));
      await newer.query('COMMIT');
      const after = await waiting;
      await older.query('COMMIT');
      // By the clock, and not only by the millisecond that it is later than before in any case.
      expect({ table, isLater: after.getTime() > before.getTime() + 10 }).toEqual({ table, isLater: true });
    }
  } finally {
    await Promise.all([older.end(), newer.end()]);
  }
});

describe.each([
  'users',
  'organizations',
  'sessions',
  'api_keys',
  'roles',
  'sso_providers',
  'twofa_devices',
  'tenant_saml_configs',
])('in %s', (table) => {
  /** Changes the row `count` times in a loop on the server, and returns all its times, the one before included. */
  const changes = async (count: number): Promise<number[]> => {
    const { key, column, id } = ROWS[table] as (typeof ROWS)[string];
    await db.query('DROP TABLE IF EXISTS times');
    await db.query(`CREATE TABLE times AS SELECT 0 AS at, updated_at FROM ${table} WHERE ${key} = '${id}'`);
    await db.query(`DO $$ BEGIN
      FOR n IN 1..${count} LOOP
        WITH changed AS (
          UPDATE ${table} SET ${column} = jsonb_build_object('n', n, 'c', clock_timestamp())
           WHERE ${key} = '${id}' RETURNING updated_at
        ) INSERT INTO times SELECT n, updated_at FROM changed;
      END LOOP;
    END $$`);
    const rows = await db.query('SELECT updated_at FROM times ORDER BY at');
    return rows.map(({ updated_at }) => new Date(updated_at).getTime());
  };
  const set = async (time: string) => {
    const { key, id } = ROWS[table] as (typeof ROWS)[string];
    await db.query(`DO $$ BEGIN
      SET LOCAL session_replication_role = replica;
      UPDATE ${table} SET updated_at = '${time}' WHERE ${key} = '${id}';
    END $$`);
  };

  it('is later after each of many changes within a millisecond', async () => {
    const times = await changes(500);
    expect(times).toHaveLength(501);
    expect(times.filter((time, at) => at > 0 && time <= (times[at - 1] as number))).toEqual([]);
  });

  it('is a millisecond later if the time stored is ahead of the clock', async () => {
    await set('2100-01-01T00:00:00.000Z');
    expect((await changes(2)).map((time) => new Date(time).toISOString())).toEqual([
      '2100-01-01T00:00:00.000Z',
      '2100-01-01T00:00:00.001Z',
      '2100-01-01T00:00:00.002Z',
    ]);
  });

  it('is the time of the change if the time stored cannot become later, or is long past', async () => {
    for (const time of [
      '9999-12-31T23:59:59.999Z',
      '12000-01-01T00:00:00Z',
      'infinity',
      '-infinity',
      '1970-01-01T00:00:00Z',
    ]) {
      await set(time);
      const [, after] = (await changes(1)) as [number, number];
      expect(Math.abs(after - Date.now())).toBeLessThan(60_000);
    }
    await set('9999-12-31T23:59:59.998Z');
    expect((await changes(1))[1]).toBe(Date.parse('9999-12-31T23:59:59.999Z'));
    await set('2000-01-01T00:00:00Z');
    await changes(1);
  });

  it('stays as it is if nothing changes, and cannot be chosen by the writer', async () => {
    const { key, column, id } = ROWS[table] as (typeof ROWS)[string];
    const update = async (sql: string) =>
      (await db.query(`UPDATE ${table} SET ${sql} WHERE ${key} = $1 RETURNING updated_at`, [id]))[0].updated_at as Date;
    const before = await update(`${column} = '{"last": true}'`);
    expect(await update(`${column} = ${column}`)).toEqual(before);
    const after = await update(`updated_at = '2000-01-01'`);
    expect(after.getTime()).toBeGreaterThan(before.getTime());
  });
});

it('the tests in this file cover every table with a trigger for updated_at', async () => {
  const tables = await db.query(
    `SELECT DISTINCT tgrelid::regclass::text AS name FROM pg_trigger WHERE tgname LIKE '%_set_updated_at'`,
  );
  expect(tables.map(({ name }) => name).sort()).toEqual(Object.keys(ROWS).sort());
});
