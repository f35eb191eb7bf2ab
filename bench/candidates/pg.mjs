/** node-postgres with named (prepared) statements: the fastest way that its documentation has. */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { SCHEMA } from '../data.mjs';
import { apiKey, first, organization, role, session, user } from './rows.mjs';

const SESSION = 'id, user_id, org_id, plan, entitlements, expires_at, metadata, created_at, updated_at';
const USER = 'id, email, name, picture, plan, entitlements, oauth, metadata, created_at, updated_at';

/** @type {import('./types.js').Open} */
export async function open({ url, max }) {
  const pool = new pg.Pool({ connectionString: url, max, options: `-c search_path=${SCHEMA}` });
  return {
    ...callsOf((query) => pool.query(query)),
    transaction: (work) => inTransaction(pool, work),
    close: () => pool.end(),
  };
}

/**
 * As its documentation has it.
 *
 * @param {pg.Pool} pool
 * @param {(tx: import('./types.js').Calls) => Promise<unknown>} work
 */
async function inTransaction(pool, work) {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const result = await work(callsOf((query) => client.query(query)));
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
}

/**
 * The same statements, however they are sent.
 *
 * @param {(query: pg.QueryConfig) => Promise<pg.QueryResult>} send
 * @returns {import('./types.js').Calls}
 */
export function callsOf(send) {
  /** @param {string} name @param {string} text */
  const statement =
    (name, text) =>
    async (/** @type {unknown[]} */ ...values) =>
      (await send({ name, text, values })).rows;
  const getSession = statement('session', `SELECT ${SESSION} FROM sessions WHERE id = $1 AND expires_at > now()`);
  const getUser = statement('email', `SELECT ${USER} FROM users WHERE lower(email COLLATE "C") = $1`);
  const getUserById = statement('user by id', `SELECT ${USER} FROM users WHERE id = $1`);
  const getOrganization = statement(
    'organization',
    'SELECT id, name, plan, seats, members, metadata, created_at, updated_at FROM organizations WHERE id = $1',
  );
  const getApiKey = statement(
    'hash',
    `SELECT id, principal_id, hash, prefix, last_four, scopes, metadata, expires_at, created_at, updated_at
       FROM api_keys WHERE hash = $1`,
  );
  const getRoles = statement(
    'roles',
    `SELECT r.id, r.org_id, r.name, r.description, r.permissions, r.is_system, r.metadata, r.created_at, r.updated_at
       FROM user_roles a JOIN roles r ON r.id = a.role_id
      WHERE a.user_id = $1 AND a.org_id = $2 ORDER BY a.assigned_at DESC, r.id DESC`,
  );
  const createUser = statement('user', `INSERT INTO users (id, email, name) VALUES ($1, $2, $3) RETURNING ${USER}`);
  const createSession = statement(
    'create',
    `INSERT INTO sessions (id, user_id, expires_at, metadata) VALUES ($1, $2, $3, $4) RETURNING ${SESSION}`,
  );
  const updateSession = statement('update', `UPDATE sessions SET expires_at = $2 WHERE id = $1 RETURNING ${SESSION}`);
  const emit = statement(
    'event',
    'INSERT INTO auth_events (type, principal_id, data, timestamp) VALUES ($1, $2, $3, $4)',
  );
  /** What a request needs, by one query after the other. @param {string} sessionId @param {string} orgId @param {Date} [extendTo] */
  const getSessionContext = async (sessionId, orgId, extendTo) => {
    const [found] = await (extendTo ? updateSession(sessionId, extendTo) : getSession(sessionId));
    if (found === undefined) return null;
    const owner = first(await getUserById(found.user_id), user);
    const place = first(await getOrganization(orgId), organization);
    const roles = (await getRoles(found.user_id, orgId)).map(role);
    return { session: session(found), user: owner, organization: place, roles };
  };
  return {
    getSessionContext,
    getSession: async (id) => first(await getSession(id), session),
    getUserByEmail: async (email) => first(await getUser(email.toLowerCase()), user),
    getApiKeyByHash: async (hash) => first(await getApiKey(hash), apiKey),
    getUserRoles: async (userId, orgId) => (await getRoles(userId, orgId)).map(role),
    createUser: async ({ email, name }) => user((await createUser(randomUUID(), email, name))[0]),
    createSession: async ({ userId, expiresAt, metadata }) =>
      first(await createSession(randomUUID(), userId, expiresAt, metadata), session),
    updateSession: async (id, { expiresAt }) => first(await updateSession(id, expiresAt), session),
    emitEvent: ({ type, principalId, data, timestamp }) => emit(type, principalId, data, timestamp),
  };
}
