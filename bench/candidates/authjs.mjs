/** The adapter of Auth.js, on its own tables. It looks a session up together with its user. */
import { randomUUID } from 'node:crypto';
import PostgresAdapter from '@auth/pg-adapter';
import pg from 'pg';
import { AUTHJS_SCHEMA } from '../data.mjs';

/** @type {import('./types.js').Open} */
export async function open({ url, max }) {
  const pool = new pg.Pool({ connectionString: url, max, options: `-c search_path=${AUTHJS_SCHEMA}` });
  const adapter = /** @type {any} */ (PostgresAdapter(pool));
  return {
    getSession: async (id) => {
      const found = await adapter.getSessionAndUser(id);
      return found && { id: found.session.sessionToken, expiresAt: found.session.expires };
    },
    getUserByEmail: async (email) => {
      const { id, ...user } = await adapter.getUserByEmail(email);
      return user;
    },
    createUser: ({ email, name }) => adapter.createUser({ email, name, emailVerified: null }),
    createSession: ({ userId, expiresAt }) =>
      // Its users have numbers.
      adapter.createSession({ sessionToken: randomUUID(), userId: Number(userId.slice(-12)), expires: expiresAt }),
    // It answers with nothing.
    updateSession: (id, { expiresAt }) => adapter.updateSession({ sessionToken: id, expires: expiresAt }),
    close: () => pool.end(),
  };
}
