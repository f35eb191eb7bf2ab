/** Drizzle on node-postgres, with the prepared queries that its documentation recommends. */
import { randomUUID } from 'node:crypto';
import { and, desc, eq, gt, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { bigint, boolean, jsonb, pgTable, text, timestamp } from 'drizzle-orm/pg-core';
import pg from 'pg';
import { SCHEMA } from '../data.mjs';
import { apiKey, first, role, session, user } from './rows.mjs';

const time = (/** @type {string} */ name) => timestamp(name, { withTimezone: true, precision: 3 });
const stored = { metadata: jsonb().notNull(), created_at: time('created_at'), updated_at: time('updated_at') };
const sessions = pgTable('sessions', {
  ...{ id: text().primaryKey(), user_id: text().notNull(), org_id: text(), plan: text() },
  ...{ entitlements: text().array(), expires_at: time('expires_at').notNull() },
  ...stored,
});
const users = pgTable('users', {
  ...{ id: text().primaryKey(), email: text(), name: text(), picture: text(), plan: text() },
  ...{ entitlements: text().array(), oauth: jsonb() },
  ...stored,
});
const apiKeys = pgTable('api_keys', {
  ...{ id: text().primaryKey(), principal_id: text(), hash: text(), prefix: text(), last_four: text() },
  ...{ scopes: text().array(), expires_at: time('expires_at') },
  ...stored,
});
const roles = pgTable('roles', {
  ...{ id: text().primaryKey(), org_id: text(), name: text(), description: text(), is_system: boolean() },
  ...{ permissions: jsonb() },
  ...stored,
});
const userRoles = pgTable('user_roles', {
  ...{ user_id: text(), role_id: text(), org_id: text(), assigned_at: time('assigned_at') },
});
const events = pgTable('auth_events', {
  ...{ id: bigint({ mode: 'number' }).generatedByDefaultAsIdentity(), type: text().notNull() },
  ...{ principal_id: text().notNull(), data: jsonb().notNull(), timestamp: time('timestamp') },
});
const defaults = { metadata: sql`DEFAULT`, created_at: sql`DEFAULT`, updated_at: sql`DEFAULT` };

/** @type {import('./types.js').Open} */
export async function open({ url, max }) {
  const pool = new pg.Pool({ connectionString: url, max, options: `-c search_path=${SCHEMA}` });
  const db = drizzle(pool);
  const $ = sql.placeholder;
  const getSession = db
    .select()
    .from(sessions)
    .where(and(eq(sessions.id, $('id')), gt(sessions.expires_at, sql`now()`)))
    .prepare('session');
  const getUser = db
    .select()
    .from(users)
    .where(eq(sql`lower(email COLLATE "C")`, $('email')))
    .prepare('email');
  const getApiKey = db
    .select()
    .from(apiKeys)
    .where(eq(apiKeys.hash, $('hash')))
    .prepare('hash');
  const getRoles = db
    .select({ role: roles })
    .from(userRoles)
    .innerJoin(roles, eq(roles.id, userRoles.role_id))
    .where(and(eq(userRoles.user_id, $('userId')), eq(userRoles.org_id, $('orgId'))))
    .orderBy(desc(userRoles.assigned_at), desc(roles.id))
    .prepare('roles');
  return {
    getSession: async (id) => first(await getSession.execute({ id }), session),
    getUserByEmail: async (email) => first(await getUser.execute({ email: email.toLowerCase() }), user),
    getApiKeyByHash: async (hash) => first(await getApiKey.execute({ hash }), apiKey),
    getUserRoles: async (userId, orgId) =>
      (await getRoles.execute({ userId, orgId })).map((/** @type {any} */ row) => role(row.role)),
    createUser: async ({ email, name }) => {
      const values = { ...defaults, id: randomUUID(), email, name, oauth: sql`DEFAULT`, entitlements: sql`DEFAULT` };
      return user(/** @type {any} */ ((await db.insert(users).values(values).returning())[0]));
    },
    createSession: async ({ userId, expiresAt, metadata }) => {
      const values = { ...defaults, id: randomUUID(), user_id: userId, expires_at: expiresAt, metadata };
      return first(
        await db
          .insert(sessions)
          .values({ ...values, entitlements: sql`DEFAULT` })
          .returning(),
        session,
      );
    },
    updateSession: async (id, { expiresAt }) =>
      first(await db.update(sessions).set({ expires_at: expiresAt }).where(eq(sessions.id, id)).returning(), session),
    emitEvent: ({ type, principalId, data, timestamp }) =>
      db.insert(events).values({ type, principal_id: principalId, data, timestamp }),
    close: () => pool.end(),
  };
}
