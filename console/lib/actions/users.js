/** What can be done to a user. */

const { withoutSecrets } = require('../html/json.js');
const { jsonResponse } = require('./download.js');
const { sealPurpose } = require('../pages/user-lists.js');
const { nameOf } = require('../people.js');
const { toSegment } = require('../paths.js');
const { notFound, Refusal } = require('../refusal.js');

/** @import { EventErasure, PostgresTransaction } from '@kitiumai/auth-postgres' */
/** @import { Action, Call } from './action.js' */

const ERASURES = ['keep', 'pseudonymise', 'delete'];

/** @param {string} id */
function pathOf(id) {
  return `/users/${toSegment(id)}`;
}

/**
 * @param {Call['visit']['storage'] | PostgresTransaction} storage
 * @param {string} id
 */
async function getUser(storage, id) {
  const user = await storage.getUser(id);
  if (user === null) throw notFound('user');
  return user;
}

/** @type {Action} */
const editUser = {
  path: '/users/:id/edit',
  permission: 'users:write',
  event: 'console.user.changed',
  async run(tx, { params: { id = '' }, form }) {
    const before = await getUser(tx, id);
    const patch = {
      email: form.optional('email'),
      name: form.optional('name'),
      plan: form.optional('plan'),
      entitlements: form.lines('entitlements'),
    };
    const changed = Object.entries(patch).flatMap(([field, value]) =>
      JSON.stringify(value) === JSON.stringify(/** @type {Record<string, unknown>} */ ({ ...before })[field] ?? null)
        ? []
        : [field],
    );
    await tx.updateUser(id, patch, { ifUpdatedAt: form.optional('seen') });
    return { about: { principalId: id, data: { fields: changed } }, to: pathOf(id), done: 'user-changed' };
  },
};

/** @type {Action} */
const exportUser = {
  path: '/users/:id/export',
  permission: 'users:export',
  event: 'console.user.exported',
  async run(tx, { visit, params: { id = '' } }) {
    const found = await tx.exportUser(id, { eventLimit: 10_000 });
    if (found === null) throw notFound('user');
    return {
      about: { principalId: id, data: {} },
      response: () => jsonResponse(exportable(found, visit.settings.hiddenKeys), `user-${toSegment(id)}.json`),
    };
  },
};

/**
 * What the application keeps in metadata and in the data of events gets no further here than on a page.
 *
 * @param {unknown} value
 * @param {readonly string[]} hiddenKeys
 * @returns {unknown}
 */
function exportable(value, hiddenKeys) {
  if (Array.isArray(value)) return value.map((each) => exportable(each, hiddenKeys));
  if (value === null || typeof value !== 'object' || value instanceof Date) return value;
  const entries = Object.entries(value).map(([key, each]) => [
    key,
    key === 'metadata' || key === 'data' ? withoutSecrets(each, hiddenKeys) : exportable(each, hiddenKeys),
  ]);
  return Object.fromEntries(entries);
}

/** @type {Action} */
const eraseUser = {
  path: '/users/:id/erase',
  permission: 'users:erase',
  event: 'console.user.erased',
  async ask({ visit, params: { id = '' }, form }) {
    const user = await getUser(visit.storage, id);
    const ofEvents = {
      keep: 'stay as they are',
      pseudonymise: 'get another id and lose their data',
      delete: 'are deleted',
    };
    return {
      title: `Erase ${nameOf(user)}?`,
      text: `Everything that is stored about the person is deleted, and the events about the user ${ofEvents[readErasure(form.text('events'))]}. It cannot be undone.`,
      button: 'Erase for ever',
      back: pathOf(id),
      typed: user.email ?? id,
    };
  },
  async run(tx, { params: { id = '' }, form }) {
    const events = readErasure(form.text('events'));
    await getUser(tx, id);
    await tx.eraseUser(id, { events });
    return { about: { principalId: id, data: { events } }, to: '/users', done: 'user-erased' };
  },
};

/**
 * @param {string} text
 * @returns {EventErasure}
 */
function readErasure(text) {
  if (!ERASURES.includes(text)) throw new Refusal(400, 'Say what happens to the events.');
  return /** @type {EventErasure} */ (text);
}

/** @type {Action} */
const revokeSession = {
  path: '/users/:id/sessions/revoke',
  permission: 'sessions:revoke',
  event: 'console.session.revoked',
  ask: ({ params: { id = '' } }) => ({
    title: 'Revoke this session?',
    text: 'Whoever uses it is signed out with the next request.',
    button: 'Revoke the session',
    back: pathOf(id),
  }),
  async run(tx, { visit, params: { id = '' }, form }) {
    const sessionId = visit.settings.keys.open(form.text('session'), sealPurpose(id));
    const session = sessionId === null ? null : await tx.getSession(sessionId);
    if (session === null || session.userId !== id) throw notFound('session');
    await tx.deleteSession(session.id);
    const data = { signedInAt: session.createdAt.toISOString() };
    return { about: { principalId: id, orgId: session.orgId, data }, to: pathOf(id), done: 'session-revoked' };
  },
};

/** @type {Action} */
const revokeSessions = {
  path: '/users/:id/sessions/revoke-all',
  permission: 'sessions:revoke',
  event: 'console.sessions.revoked',
  async ask({ visit, params: { id = '' } }) {
    const user = await getUser(visit.storage, id);
    return {
      title: 'Revoke all sessions?',
      text: `${nameOf(user)} is signed out everywhere.`,
      button: 'Revoke all',
      back: pathOf(id),
    };
  },
  async run(tx, { params: { id = '' } }) {
    await getUser(tx, id);
    const sessions = await tx.deleteUserSessions(id);
    return { about: { principalId: id, data: { sessions } }, to: pathOf(id), done: 'sessions-revoked' };
  },
};

module.exports = { USER_ACTIONS: [editUser, exportUser, eraseUser, revokeSession, revokeSessions] };
