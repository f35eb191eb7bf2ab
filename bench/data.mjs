/** The rows that every candidate works on, and the keys by which they are found. */

/** Schemas of the tables: ours, and those of the two libraries that have tables of their own. */
export const SCHEMA = 'bench';
export const AUTHJS_SCHEMA = 'bench_authjs';
export const BETTER_AUTH_SCHEMA = 'bench_better_auth';

export const SESSIONS_PER_USER = 10;
export const ORGANIZATIONS = 100;
const ROLES_PER_ORGANIZATION = 5;

/** @param {number} number @param {number} digits */
const padded = (number, digits) => String(number).padStart(digits, '0');

/** As long as the UUIDs that an application has. @param {number} number from 1 */
export const sessionId = (number) => `00000000-0000-4000-8000-${padded(number, 12)}`;
/** @param {number} number from 1 */
export const userId = (number) => `00000000-0000-7000-8000-${padded(number, 12)}`;
/** @param {number} number from 1 */
export const email = (number) => `User-${number}@example.com`;
/** @param {number} number from 1 */
export const apiKeyHash = (number) => padded(number, 64);
/** The user of a session. @param {number} session from 1 @param {number} sessions how many there are */
export const userOf = (session, sessions) => 1 + (session % Math.ceil(sessions / SESSIONS_PER_USER));
/** The organization of a user. @param {number} number from 1 */
export const organizationOf = (number) => `org-${number % ORGANIZATIONS}`;

/** The same id, in SQL, of the number in `n`. */
export const SQL = {
  session: (/** @type {string} */ n) => `'00000000-0000-4000-8000-' || lpad((${n})::text, 12, '0')`,
  user: (/** @type {string} */ n) => `'00000000-0000-7000-8000-' || lpad((${n})::text, 12, '0')`,
};

/** How pgbench names a session: `:n` is a number. */
export const PGBENCH_SESSION = SQL.session(':n');

/**
 * Fills the tables that `connect()` has made.
 *
 * @param {import('pg').ClientBase} client
 * @param {number} sessions
 */
export async function fill(client, sessions) {
  const users = Math.ceil(sessions / SESSIONS_PER_USER);
  await client.query(`SET search_path = ${SCHEMA}`);
  await client.query(
    `INSERT INTO organizations (id, name, plan, seats) SELECT 'org-' || n, 'Organization ' || n, 'pro', 10 FROM generate_series(0, ${ORGANIZATIONS - 1}) n`,
  );
  await client.query(
    `INSERT INTO roles (id, org_id, name, permissions)
     SELECT 'role-' || o || '-' || r, 'org-' || o, 'Role ' || r,
            '[{"id": "p1", "name": "Read", "resource": "document", "action": "read"}]'
       FROM generate_series(0, ${ORGANIZATIONS - 1}) o, generate_series(1, ${ROLES_PER_ORGANIZATION}) r`,
  );
  await client.query(
    `INSERT INTO users (id, email, name, plan, entitlements, metadata)
     SELECT ${SQL.user('n')}, 'User-' || n || '@example.com', 'User ' || n, 'pro', '{read,write}', '{"locale": "en"}'
       FROM generate_series(1, ${users}) n`,
  );
  await client.query(
    `INSERT INTO user_roles (id, user_id, role_id, org_id, assigned_at)
     SELECT 'assignment-' || n || '-' || r, ${SQL.user('n')}, 'role-' || n % ${ORGANIZATIONS} || '-' || r,
            'org-' || n % ${ORGANIZATIONS}, now() - r * interval '1 hour'
       FROM generate_series(1, ${users}) n, generate_series(1, 2) r`,
  );
  await client.query(
    `INSERT INTO api_keys (id, principal_user_id, hash, prefix, last_four, scopes, metadata)
     SELECT 'key-' || n, ${SQL.user('n')}, lpad(n::text, 64, '0'), 'kit', 'abcd', '{read}', '{"name": "CI"}'
       FROM generate_series(1, ${users}) n`,
  );
  await client.query(
    `INSERT INTO sessions (id, user_id, plan, entitlements, expires_at, metadata)
     SELECT ${SQL.session('n')}, ${SQL.user(`1 + n % ${users}`)}, 'pro', '{read,write}', now() + interval '1 day',
            '{"ip": "127.0.0.1"}'
       FROM generate_series(1, ${sessions}) n`,
  );
}

/**
 * The same users and sessions in the tables of Auth.js, as its documentation declares them, with the index on
 * the token that it forgets.
 *
 * @param {import('pg').ClientBase} client
 */
export async function fillAuthjs(client) {
  await client.query(`CREATE SCHEMA ${AUTHJS_SCHEMA}`);
  await client.query(`SET search_path = ${AUTHJS_SCHEMA}`);
  await client.query(`
    CREATE TABLE users (
      id SERIAL PRIMARY KEY, name VARCHAR(255), email VARCHAR(255) UNIQUE, "emailVerified" TIMESTAMPTZ, image TEXT
    );
    CREATE TABLE sessions (
      id SERIAL PRIMARY KEY, "userId" INTEGER NOT NULL, expires TIMESTAMPTZ NOT NULL,
      "sessionToken" VARCHAR(255) NOT NULL UNIQUE
    );
    INSERT INTO users (name, email)
    SELECT name, email FROM ${SCHEMA}.users ORDER BY id;
    INSERT INTO sessions ("userId", expires, "sessionToken")
    SELECT right(user_id, 12)::int, expires_at, id FROM ${SCHEMA}.sessions ORDER BY id;
    ANALYZE users;
    ANALYZE sessions`);
}

/**
 * The same in the tables of Better Auth, which its own migration has made.
 *
 * @param {import('pg').ClientBase} client
 */
export async function fillBetterAuth(client) {
  await client.query(`SET search_path = ${BETTER_AUTH_SCHEMA}`);
  await client.query(`
    INSERT INTO "user" (id, name, email, "emailVerified", "createdAt", "updatedAt")
    SELECT id, name, lower(email), false, created_at, updated_at FROM ${SCHEMA}.users;
    INSERT INTO session (id, "expiresAt", token, "createdAt", "updatedAt", "ipAddress", "userId")
    SELECT id, expires_at, id, created_at, updated_at, metadata ->> 'ip', user_id FROM ${SCHEMA}.sessions;
    ANALYZE "user";
    ANALYZE session`);
}
