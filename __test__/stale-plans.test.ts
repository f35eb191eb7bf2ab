/**
 * The plans of statements that join what several calls ask for with tables, when they were made on empty tables: a server keeps
 * them until it has analysed the tables, whatever has been written since.
 */
import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { insertUnchecked } from './helpers/crowd';
import { useDatabase } from './helpers/database';
import { inMs } from './helpers/fixtures';
import { Explained } from './helpers/plans';

const db = useDatabase();
const ROWS = 20_000;
const MANY = 64;
const HOUR = 3_600_000;
const STEP = Math.floor(ROWS / MANY);

const TABLES = [
  `users (id) SELECT 'u' || n`,
  `organizations (id, name, plan) SELECT 'o' || n, 'Organization', 'pro'`,
  `organization_members (org_id, user_id) SELECT 'o' || n, 'u' || n`,
  `sessions (id, user_id, org_id, expires_at) SELECT 'x' || n, 'u' || n, 'o' || n, now() + interval '1 hour'`,
  `roles (id, org_id, name) SELECT 'r' || n, 'o' || n, 'Role'`,
  `user_roles (id, user_id, role_id, org_id) SELECT 'x' || n, 'u' || n, 'r' || n, 'o' || n`,
  `api_keys (id, principal_user_id, hash, prefix, last_four)
   SELECT 'x' || n, 'u' || n, encode(sha256(('key ' || n)::bytea), 'hex'), 'p', 'abcd'`,
];

type Call = (storage: PostgresStorageAdapter, n: number) => Promise<unknown>;

it.each<[string, Call]>([
  ['getSessionContext', (storage, n) => storage.getSessionContext(`x${n}`)],
  ['getSessionContext with orgId', (storage, n) => storage.getSessionContext(`x${n}`, { orgId: `o${n + 1}` })],
  ['getSessionContext with extendTo', (storage, n) => storage.getSessionContext(`x${n}`, { extendTo: inMs(5 * HOUR) })],
  ['getApiKeyContext', (storage, n) => storage.getApiKeyContext(`key ${n}`)],
  ['getUserRoles', (storage, n) => storage.getUserRoles(`u${n}`, `o${n}`)],
  ['updateSession', (storage, n) => storage.updateSession(`x${n}`, { expiresAt: inMs(3 * HOUR) })],
])('%s reads few rows of tables that have grown since its plans were made', async (_, call) => {
  for (const table of TABLES) {
    const [name] = table.split(' ');
    await db.query(`TRUNCATE ${name} CASCADE`);
    await db.query(`ALTER TABLE ${name} SET (autovacuum_enabled = off)`);
    await db.query(`ANALYZE ${name}`);
  }
  const explained = await Explained.start(db, {}, { max: 1 });
  const { storage } = explained;
  const calls = () => Array.from({ length: MANY }, (_, at) => call(storage, 1 + at * STEP));
  // There is nothing to update yet.
  await Promise.allSettled([call(storage, 1)]);
  await Promise.allSettled(calls());
  for (const table of TABLES) await insertUnchecked(db, `${table} FROM generate_series(1, ${ROWS}) n`);
  const alone = await explained.plansOf(() => call(storage, 2));
  const shared = await explained.plansOf(() => Promise.all(calls()));
  await explained.stop();
  expect(shared.length).toBeLessThan(MANY / 2);
  for (const { rows, sql } of alone) expect({ sql, rows: rows > 20 && rows }).toEqual({ sql, rows: false });
  for (const { rows, sql } of shared) expect({ sql, rows: rows > 20 * MANY && rows }).toEqual({ sql, rows: false });
});
