/** Better Auth's own store, on its own tables. It looks a session up together with its user. */
import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import pg from 'pg';
import { BETTER_AUTH_SCHEMA } from '../data.mjs';

/** @param {pg.Pool} pool */
const options = (pool) => ({
  database: pool,
  secret: 'not a secret: the benchmark signs nothing',
  baseURL: 'http://127.0.0.1',
  logger: { disabled: true },
  telemetry: { enabled: false },
});

/** @param {string} url @param {number} max */
const poolOf = (url, max) =>
  new pg.Pool({ connectionString: url, max, options: `-c search_path=${BETTER_AUTH_SCHEMA}` });

/** @param {string} url */
export async function migrate(url) {
  const pool = poolOf(url, 1);
  await pool.query(`CREATE SCHEMA ${BETTER_AUTH_SCHEMA}`);
  const { runMigrations } = await getMigrations(options(pool));
  await runMigrations();
  await pool.end();
}

/** @type {import('./types.js').Open} */
export async function open({ url, max }) {
  const pool = poolOf(url, max);
  const internalAdapter = /** @type {any} */ ((await betterAuth(options(pool)).$context).internalAdapter);
  return {
    getSession: async (id) => {
      const found = await internalAdapter.findSession(id);
      return found && { id: found.session.token, expiresAt: found.session.expiresAt };
    },
    getUserByEmail: async (email) => (await internalAdapter.findUserByEmail(email.toLowerCase()))?.user ?? null,
    createUser: ({ email, name }) => internalAdapter.createUser({ email, name, emailVerified: false }),
    createSession: ({ userId, expiresAt }) => internalAdapter.createSession(userId, false, { expiresAt }),
    updateSession: async (id, { expiresAt }) => {
      const updated = await internalAdapter.updateSession(id, { expiresAt });
      return updated && { id: updated.token, expiresAt: updated.expiresAt };
    },
    close: () => pool.end(),
  };
}
