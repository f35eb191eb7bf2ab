/** `updatedAt` is the time of the write, not of the beginning of its transaction: it never goes back. */
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

it('is later after an older transaction than after the newer one that it waited for', async () => {
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
      expect({ table, isLater: after.getTime() > before.getTime() }).toEqual({ table, isLater: true });
    }
  } finally {
    await Promise.all([older.end(), newer.end()]);
  }
});

it('is kept so in every table that has it', async () => {
  const tables = await db.query(
    `SELECT DISTINCT tgrelid::regclass::text AS name FROM pg_trigger WHERE tgname LIKE '%_set_updated_at'`,
  );
  expect(tables.map(({ name }) => name).sort()).toEqual(Object.keys(ROWS).sort());
});
