/** Owners of more rows than one statement should delete: bounded statements, nothing left behind, and a safe order. */
import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { Client } from 'pg';
import { Collector } from './helpers/collector';
import { useDatabase } from './helpers/database';
import { expectCode } from './helpers/errors';
import { memberInput } from './helpers/fixtures';

const db = useDatabase();

/** What one statement takes of a table. */
const BATCH = 1_000;

/** Rows of user `<user>` and organization `<org>` in every table that refers to them. */
async function fill(user: string, org: string, rows: number): Promise<void> {
  const n = `generate_series(1, ${rows}) n`;
  const inserts = [
    `users (id, email) VALUES ('${user}', '${user}@example.com')`,
    `organizations (id, name, plan, seats) VALUES ('${org}', 'O', 'p', 10)`,
    // The user is a member of many, each of which has another member.
    `users (id) VALUES ('beside ${user}')`,
    `organizations (id, name, plan, seats, members)
     SELECT '${user} is in ' || n, 'O', 'p', 2, jsonb_build_array(
              jsonb_build_object('userId', '${user}', 'role', 'owner', 'joinedAt', '2026-01-01T00:00:00.000Z')
            , jsonb_build_object('userId', 'beside ${user}', 'role', 'member', 'joinedAt', '2026-01-01T00:00:00.000Z')
            ) FROM ${n}`,
    `sessions (id, user_id, org_id, expires_at) SELECT '${user} ' || n, '${user}', '${org}', now() + interval '1 day' FROM ${n}`,
    `api_keys (id, principal_user_id, hash, prefix, last_four) SELECT '${user} ' || n, '${user}', '${user} ' || n, 'p', 'abcd' FROM ${n}`,
    `api_keys (id, principal_org_id, hash, prefix, last_four) SELECT '${org} ' || n, '${org}', '${org} ' || n, 'p', 'abcd' FROM ${n}`,
    `email_verification_tokens (id, email, code, code_hash, type, user_id, expires_at)
     SELECT '${user} ' || n, 'x', 'c', 'c', 'login_link', '${user}', now() + interval '1 day' FROM ${n}`,
    `roles (id, org_id, name) SELECT '${org} ' || n, '${org}', 'R' FROM ${n}`,
    `user_roles (id, user_id, role_id, org_id) SELECT '${user} ' || n, '${user}', '${org} ' || n, '${org}' FROM ${n}`,
    `sso_providers (id, type, name, org_id, metadata_url, client_id, client_secret, redirect_uris)
     SELECT '${org} ' || n, 'oidc', 'P', '${org}', 'm', 'c', 's', '{}' FROM ${n}`,
    `sso_links (id, user_id, provider_id, provider_type, provider_subject)
     SELECT '${user} ' || n, '${user}', '${org} 1', 'oidc', '${user} ' || n FROM ${n}`,
    `sso_sessions (id, user_id, provider_id, provider_type, provider_subject, expires_at)
     SELECT '${user} ' || n, '${user}', '${org} 1', 'oidc', 's', now() + interval '1 day' FROM ${n}`,
    `twofa_devices (id, user_id, method, verified) SELECT '${user} ' || n, '${user}', 'totp', n % 2 = 0 FROM ${n}`,
    `twofa_backup_codes (id, user_id, code) SELECT '${user} ' || n, '${user}', 'c' FROM ${n}`,
    `twofa_sessions (id, user_id, session_id, device_id, method, expires_at)
     SELECT '${user} ' || n, '${user}', 'x', '${user} 2', 'totp', now() + interval '1 day' FROM ${n}`,
    `password_hashes (user_id, hash) VALUES ('${user}', 'h')`,
  ];
  for (const insert of inserts) await db.query(`INSERT INTO ${insert}`);
}

/** How many rows of each table name the owner, whichever of the two it is. */
async function left(owner: string): Promise<Record<string, number>> {
  const columns = await db.query<{ tab: string; col: string }>(
    `SELECT c.relname AS tab, a.attname AS col
       FROM pg_constraint o
       JOIN pg_class c ON c.oid = o.conrelid
       JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = o.conkey[1]
      WHERE o.contype = 'f' AND o.confrelid IN ('users'::regclass, 'organizations'::regclass)
      UNION VALUES ('users', 'id'), ('organizations', 'id')`,
  );
  const counts: Record<string, number> = {};
  for (const { tab, col } of columns) {
    const [row] = await db.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${tab} WHERE ${col} = $1`, [owner]);
    if (row?.n) counts[`${tab}.${col}`] = row.n;
  }
  return counts;
}

/** Runs the call, and says how many rows each of its statements touched. */
async function statementsOf(call: (storage: PostgresStorageAdapter) => Promise<unknown>): Promise<number[]> {
  const logger = new Collector();
  const storage = db.adapter({ logger, logLevel: 'debug' });
  await call(storage);
  await storage.disconnect();
  return logger.take('statement').map(({ fields }) => Number(fields.rows));
}

it('a small user and a small organization are deleted in one statement each', async () => {
  await fill('small', 'small org', 20);
  expect(await statementsOf((storage) => storage.deleteOrganization('small org'))).toHaveLength(1);
  expect(await left('small org')).toEqual({});
  expect(await statementsOf((storage) => storage.deleteUser('small'))).toHaveLength(1);
  expect(await left('small')).toEqual({});
  expect(await statementsOf((storage) => storage.deleteUser('small'))).toHaveLength(1);
  expect(await statementsOf((storage) => storage.deleteOrganization('small org'))).toHaveLength(1);
});

it('a large organization goes in bounded statements, with everything of its own, and its sessions stay', async () => {
  await fill('member', 'large org', 2_500);
  const rows = await statementsOf((storage) => storage.deleteOrganization('large org'));
  expect(rows.length).toBeGreaterThan(7 * 3);
  expect(Math.max(...rows)).toBe(BATCH);
  expect(await left('large org')).toEqual({});
  expect(await left('member')).toMatchObject({ 'sessions.user_id': 2_500, 'organization_members.user_id': 2_500 });
  expect(await db.query('SELECT count(*)::int AS n FROM sso_links')).toEqual([{ n: 0 }]);

  const ofUser = await statementsOf((storage) => storage.deleteUser('member'));
  expect(ofUser.length).toBeGreaterThan(7 * 3);
  expect(Math.max(...ofUser)).toBe(BATCH);
  expect(await left('member')).toEqual({});
  expect(await left('beside member')).toMatchObject({ 'organization_members.user_id': 2_500 });
  const lists = await db.query(
    `SELECT DISTINCT members -> 0 ->> 'userId' AS first, jsonb_array_length(members) AS n FROM organizations WHERE id LIKE 'member is in %'`,
  );
  expect(lists).toEqual([{ first: 'beside member', n: 1 }]);
}, 60_000);

it('a role and a provider of many users go in bounded statements', async () => {
  await fill('holder', 'holding org', 2);
  await db.query(`INSERT INTO users (id) SELECT 'holder ' || n FROM generate_series(1, 2500) n`);
  await db.query(
    `INSERT INTO user_roles (id, user_id, role_id, org_id)
     SELECT 'role ' || n, 'holder ' || n, 'holding org 1', 'holding org' FROM generate_series(1, 2500) n`,
  );
  await db.query(
    `INSERT INTO sso_links (id, user_id, provider_id, provider_type, provider_subject)
     SELECT 'link ' || n, 'holder ' || n, 'holding org 1', 'oidc', 's' || n FROM generate_series(1, 2500) n`,
  );
  for (const call of [
    (storage: PostgresStorageAdapter) => storage.deleteRole('holding org 1'),
    (storage: PostgresStorageAdapter) => storage.deleteSSOProvider('holding org 1'),
  ]) {
    const rows = await statementsOf(call);
    expect(rows.length).toBeGreaterThan(4);
    expect(Math.max(...rows)).toBe(BATCH);
  }
  expect(await db.storage.getRole('holding org 1')).toBeNull();
  expect(await db.storage.getSSOProvider('holding org 1')).toBeNull();
  await db.query(`DELETE FROM users WHERE id LIKE 'holder%'`);
}, 60_000);

it('a user of many rows who waits for the end is still asked for a second factor, and keeps nothing that opens', async () => {
  await fill('guarded', 'guarded org', 2_500);
  const locker = new Client({ connectionString: db.url });
  await locker.connect();
  try {
    await locker.query(`BEGIN; SELECT FROM users WHERE id = 'guarded' FOR UPDATE`);
    const storage = db.adapter({ statementTimeoutMs: 1_000, maxRetries: 0 });
    const error = await expectCode(storage.deleteUser('guarded'), 'statement_timeout', { outcome: 'unknown' });
    expect(error.retryable).toBe(true);
    // Half of the devices are verified, and a thousand of these stay.
    expect(await left('guarded')).toEqual({
      'users.id': 1,
      'password_hashes.user_id': 1,
      'twofa_devices.user_id': BATCH,
    });
    expect(await db.query(`SELECT DISTINCT verified FROM twofa_devices WHERE user_id = 'guarded'`)).toEqual([
      { verified: true },
    ]);
  } finally {
    await locker.end();
  }
  await db.storage.deleteUser('guarded');
  expect(await left('guarded')).toEqual({});
  await db.storage.deleteOrganization('guarded org');
}, 60_000);

it('a large delete that is given up keeps what it did, and the next one goes on', async () => {
  await fill('someone', 'interrupted org', 5_000);
  const controller = new AbortController();
  const logger = new Collector();
  const storage = db.adapter({ logger, logLevel: 'debug' });
  const watch = setInterval(() => {
    if (logger.lines.filter(({ message }) => message === 'statement').length > 4) controller.abort();
  }, 1);
  await expectCode(storage.deleteOrganization('interrupted org', { signal: controller.signal }), 'cancelled', {
    outcome: 'unknown',
  });
  clearInterval(watch);
  const between = await left('interrupted org');
  expect(between['organizations.id']).toBe(1);
  expect(between['api_keys.principal_org_id'] ?? 0).toBeLessThan(5_000);
  await expect(storage.getOrganization('interrupted org')).resolves.toMatchObject({ name: 'O' });
  await storage.deleteOrganization('interrupted org');
  expect(await left('interrupted org')).toEqual({});
}, 60_000);

it('rows that something keeps do not make a large delete go on for ever', async () => {
  await fill('kept', 'kept org', 1_100);
  await db.query(`
    CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
    CREATE TRIGGER keep BEFORE DELETE ON roles FOR EACH ROW EXECUTE FUNCTION keep()`);
  await expect(db.storage.deleteOrganization('kept org')).resolves.toBeUndefined();
  // The trigger keeps them from the foreign key as well.
  expect(await left('kept org')).toMatchObject({ 'roles.org_id': 1_100 });
  await db.query('DROP FUNCTION keep() CASCADE');
  await db.query(`DELETE FROM roles`);
}, 60_000);

it('50 000 sessions of one organization are let go within a short statement time-out', async () => {
  await db.query(
    `INSERT INTO users (id) VALUES ('many'); INSERT INTO organizations (id, name, plan) VALUES ('many', 'O', 'p')`,
  );
  await db.query(
    `INSERT INTO sessions (id, user_id, org_id, expires_at)
     SELECT 'many ' || n, 'many', 'many', now() + interval '1 day' FROM generate_series(1, 50000) n`,
  );
  const storage = db.adapter({ statementTimeoutMs: 500, maxRetries: 0 });
  await storage.deleteOrganization('many');
  expect(await left('many')).toEqual({ 'users.id': 1, 'sessions.user_id': 50_000 });
  await storage.deleteUser('many');
  expect(await left('many')).toEqual({});
}, 120_000);

it('sweeps beside each other delete each expired session once, but for what somebody has locked', async () => {
  const [EXPIRED, LIVE] = [30_000, 10_000];
  await db.query(`INSERT INTO users (id) VALUES ('swept')`);
  await db.query(
    `INSERT INTO sessions (id, user_id, expires_at)
     SELECT 'swept ' || n, 'swept', now() + CASE WHEN n % 4 = 0 THEN interval '1 day' ELSE interval '-1 day' END
       FROM generate_series(1, ${EXPIRED + LIVE}) n`,
  );
  // Several steps of a walk by pages.
  const [table] = await db.query(`SELECT pg_relation_size('sessions') / 8192 AS pages`);
  expect(Number(table.pages)).toBeGreaterThan(300);
  const locker = new Client({ connectionString: db.url });
  await locker.connect();
  await locker.query(`BEGIN; SELECT FROM sessions WHERE id = 'swept 1' FOR UPDATE`);
  try {
    const storage = db.adapter();
    await expect(storage.deleteExpiredSessions({ limit: 1_500 })).resolves.toBe(1_500);
    const counts = await Promise.all([1, 2, 3].map(() => storage.deleteExpiredSessions()));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(EXPIRED - 1_500 - 1);
  } finally {
    await locker.end();
  }
  await expect(db.storage.deleteExpiredSessions()).resolves.toBe(1);
  expect(await left('swept')).toMatchObject({ 'sessions.user_id': LIVE });
  await db.storage.deleteUser('swept');
}, 60_000);

it('a member list of 20 000 is written and changed within seconds', async () => {
  const SIZE = 20_000;
  await db.query(`INSERT INTO users (id) SELECT 'in list ' || n FROM generate_series(1, ${SIZE}) n`);
  const members = Array.from({ length: SIZE }, (_, n) => memberInput(`in list ${n + 1}`));
  const { id } = await db.storage.createOrganization({ name: 'O', plan: 'p', seats: SIZE, members: members.slice(1) });
  await db.storage.updateOrganization(id, { members });
  await expectCode(
    db.storage.updateOrganization(id, { members: [...members.slice(1), memberInput('nobody')] }),
    'invalid_reference',
  );
  await db.storage.updateOrganization(id, { members: members.slice(SIZE / 2) });
  expect(await left(id)).toEqual({ 'organizations.id': 1, 'organization_members.org_id': SIZE / 2 });
  await db.storage.deleteOrganization(id);
  expect(await left(id)).toEqual({});
}, 60_000);
