/** Kysely on its dialect for node-postgres. */
import { randomUUID } from 'node:crypto';
import { Kysely, PostgresDialect, sql } from 'kysely';
import pg from 'pg';
import { SCHEMA } from '../data.mjs';
import { apiKey, first, role, session, user } from './rows.mjs';

/** @type {import('./types.js').Open} */
export async function open({ url, max }) {
  const pool = new pg.Pool({ connectionString: url, max, options: `-c search_path=${SCHEMA}` });
  /** @type {Kysely<any>} */
  const db = new Kysely({ dialect: new PostgresDialect({ pool }) });
  const now = sql`now()`;
  return {
    getSession: async (id) =>
      first(
        await db.selectFrom('sessions').selectAll().where('id', '=', id).where('expires_at', '>', now).execute(),
        session,
      ),
    getUserByEmail: async (email) =>
      first(
        await db
          .selectFrom('users')
          .selectAll()
          .where(sql`lower(email COLLATE "C")`, '=', email.toLowerCase())
          .execute(),
        user,
      ),
    getApiKeyByHash: async (hash) =>
      first(await db.selectFrom('api_keys').selectAll().where('hash', '=', hash).execute(), apiKey),
    getUserRoles: async (userId, orgId) =>
      (
        await db
          .selectFrom('user_roles')
          .innerJoin('roles', 'roles.id', 'user_roles.role_id')
          .selectAll('roles')
          .where('user_roles.user_id', '=', userId)
          .where('user_roles.org_id', '=', orgId)
          .orderBy('user_roles.assigned_at', 'desc')
          .orderBy('roles.id', 'desc')
          .execute()
      ).map(role),
    createUser: async ({ email, name }) =>
      user(
        await db.insertInto('users').values({ id: randomUUID(), email, name }).returningAll().executeTakeFirstOrThrow(),
      ),
    createSession: async ({ userId, expiresAt, metadata }) =>
      session(
        await db
          .insertInto('sessions')
          .values({ id: randomUUID(), user_id: userId, expires_at: expiresAt, metadata })
          .returningAll()
          .executeTakeFirstOrThrow(),
      ),
    updateSession: async (id, { expiresAt }) =>
      first(
        await db.updateTable('sessions').set({ expires_at: expiresAt }).where('id', '=', id).returningAll().execute(),
        session,
      ),
    emitEvent: ({ type, principalId, data, timestamp }) =>
      db.insertInto('auth_events').values({ type, principal_id: principalId, data, timestamp }).execute(),
    close: () => db.destroy(),
  };
}
