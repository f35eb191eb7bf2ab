/** postgres.js, which prepares and pipelines by itself. */
import { randomUUID } from 'node:crypto';
import postgres from 'postgres';
import { SCHEMA } from '../data.mjs';
import { apiKey, first, role, session, user } from './rows.mjs';

/** @type {import('./types.js').Open} */
export async function open({ url, max }) {
  const sql = postgres(url, { max, connection: { search_path: SCHEMA }, onnotice: () => {} });
  return {
    ...callsOf(sql),
    transaction: (work) => sql.begin((tx) => work(callsOf(tx))),
    close: () => sql.end(),
  };
}

/**
 * @param {import('postgres').ISql<{}>} sql
 * @returns {import('./types.js').Calls}
 */
function callsOf(sql) {
  const sessionColumns = sql(
    'id, user_id, org_id, plan, entitlements, expires_at, metadata, created_at, updated_at'.split(', '),
  );
  const userColumns = sql(
    'id, email, name, picture, plan, entitlements, oauth, metadata, created_at, updated_at'.split(', '),
  );
  return {
    getSession: async (id) =>
      first(await sql`SELECT ${sessionColumns} FROM sessions WHERE id = ${id} AND expires_at > now()`, session),
    getUserByEmail: async (email) =>
      first(await sql`SELECT ${userColumns} FROM users WHERE lower(email COLLATE "C") = ${email.toLowerCase()}`, user),
    getApiKeyByHash: async (hash) =>
      first(
        await sql`SELECT id, principal_id, hash, prefix, last_four, scopes, metadata, expires_at, created_at, updated_at
                    FROM api_keys WHERE hash = ${hash}`,
        apiKey,
      ),
    getUserRoles: async (userId, orgId) =>
      (
        await sql`SELECT r.id, r.org_id, r.name, r.description, r.permissions, r.is_system, r.metadata,
                         r.created_at, r.updated_at
                    FROM user_roles a JOIN roles r ON r.id = a.role_id
                   WHERE a.user_id = ${userId} AND a.org_id = ${orgId}
                   ORDER BY a.assigned_at DESC, r.id DESC`
      ).map(role),
    createUser: async ({ email, name }) =>
      user(
        /** @type {Record<string, any>} */ (
          (
            await sql`INSERT INTO users (id, email, name) VALUES (${randomUUID()}, ${email}, ${name})
                      RETURNING ${userColumns}`
          )[0]
        ),
      ),
    createSession: async ({ userId, expiresAt, metadata }) =>
      first(
        await sql`INSERT INTO sessions (id, user_id, expires_at, metadata)
                  VALUES (${randomUUID()}, ${userId}, ${expiresAt}, ${sql.json(metadata)})
                  RETURNING ${sessionColumns}`,
        session,
      ),
    updateSession: async (id, { expiresAt }) =>
      first(
        await sql`UPDATE sessions SET expires_at = ${expiresAt} WHERE id = ${id} RETURNING ${sessionColumns}`,
        session,
      ),
    emitEvent: ({ type, principalId, data, timestamp }) =>
      sql`INSERT INTO auth_events (type, principal_id, data, timestamp)
          VALUES (${type}, ${principalId}, ${sql.json(data)}, ${timestamp})`,
  };
}
