/** Fills every table with so many rows that a plan shows what it will be in production. */
import type { TestDatabase } from './database';

/** Each row `n` belongs to user `u<n>`, organization `o<n>` and so on. */
const TABLES = [
  `users (id, email, oauth, created_at)
   SELECT 'u' || n, 'u' || n || '@example.com', jsonb_build_object('google', jsonb_build_object('sub', 's' || n))
        , now() - n * interval '1 second'`,
  `user_oauth_accounts (provider, sub, user_id) SELECT 'google', 's' || n, 'u' || n`,
  `organizations (id, name, plan, created_at)
   SELECT 'o' || n, 'Organization', 'pro', now() - n * interval '1 second'`,
  `organization_members (org_id, user_id) SELECT 'o' || n, 'u' || n`,
  `sessions (id, user_id, org_id, expires_at)
   SELECT 'x' || n, 'u' || n, CASE WHEN n % 3 = 0 THEN 'o' || n END, now() + interval '1 day' + n * interval '1 minute'`,
  `api_keys (id, principal_user_id, hash, prefix, last_four)
   SELECT 'x' || n, 'u' || n, 'h' || n, 'p', lpad((n % 10000)::text, 4, '0')`,
  `email_verification_tokens (id, email, code, code_hash, type, user_id, expires_at)
   SELECT 'x' || n, 'u' || n || '@example.com', 'c', 'c', 'login_link', 'u' || n, now() + n * interval '1 minute'`,
  `email_verification_token_attempts (token_id, attempts) SELECT 'x' || n, 1`,
  `auth_events (type, principal_id, org_id, timestamp)
   SELECT CASE WHEN n % 40000 = 1 THEN 'rare' ELSE 't' || CASE WHEN n % 10 < 5 THEN '' ELSE (n % 10)::text END END
        , 'u' || n % 1000, CASE WHEN n % 2 = 0 THEN 'o' || n % 1000 END, now() - n * interval '70 seconds'`,
  `roles (id, org_id, name) SELECT 'r' || n, 'o' || n, 'Role'`,
  `user_roles (id, user_id, role_id, org_id) SELECT 'x' || n, 'u' || n, 'r' || n, 'o' || n`,
  `sso_providers (id, type, name, org_id, metadata_url, client_id, client_secret, redirect_uris)
   SELECT 'p' || n, 'oidc', 'Provider', CASE WHEN n > 10 THEN 'o' || n END, 'm', 'c', 's', '{}'`,
  `sso_links (id, user_id, provider_id, provider_type, provider_subject)
   SELECT 'x' || n, 'u' || n, 'p' || n, 'oidc', 's' || n`,
  `sso_sessions (id, user_id, provider_id, provider_type, provider_subject, expires_at)
   SELECT 'x' || n, 'u' || n, 'p' || n, 'oidc', 's' || n, now() + interval '1 day'`,
  `tenant_saml_configs (tenant_id, config) SELECT 't' || n, '{}'`,
  `twofa_devices (id, user_id, method) SELECT 'd' || n, 'u' || n, 'totp'`,
  `twofa_steps (device_id, step) SELECT 'd' || n, 1`,
  `twofa_backup_codes (id, user_id, code) SELECT 'x' || n, 'u' || n, 'c'`,
  `twofa_sessions (id, user_id, session_id, device_id, method, expires_at)
   SELECT 'x' || n, 'u' || n, 'x' || n, 'd' || n, 'totp', now() + interval '1 day'`,
];

export async function crowd(db: TestDatabase, rows: number): Promise<void> {
  // An autovacuum in the middle of a test would add its pages to those that are counted, and change plans.
  const plain = TABLES.map((table) => table.split(' ')[0]).filter((name) => name !== 'auth_events');
  for (const name of plain) await db.query(`ALTER TABLE ${name} SET (autovacuum_enabled = off)`);
  for (const table of TABLES) await insertUnchecked(db, `${table} FROM generate_series(1, ${rows}) n`);
  await db.query('VACUUM ANALYZE');
}

/**
 * Inserts rows, given as what follows `INSERT INTO`, in one statement on one connection. Triggers and foreign keys would take
 * longer than everything else.
 */
export async function insertUnchecked(db: TestDatabase, rows: string): Promise<void> {
  await db.query(`DO $$ BEGIN SET LOCAL session_replication_role = replica; INSERT INTO ${rows}; END $$`);
}
