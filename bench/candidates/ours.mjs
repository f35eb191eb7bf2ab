import { createRequire } from 'node:module';
import { SCHEMA } from '../data.mjs';

const require = createRequire(import.meta.url);

/** The store, connected, for a candidate of its own. @param {Parameters<import('./types.js').Open>[0]} target */
export async function connect(target) {
  const { storage } = openFrom('../../index.js', target);
  await storage.connect();
  return storage;
}

/** @type {import('./types.js').Open} */
export async function open(target) {
  const { candidate, storage } = openFrom('../../index.js', target);
  await storage.connect();
  return candidate;
}

/**
 * The store of any checkout, not yet connected.
 *
 * @param {string} path of its `index.js`
 * @param {Parameters<import('./types.js').Open>[0]} target
 */
export function openFrom(path, { url, max }) {
  /** @type {typeof import('../../index.js')} */
  const { PostgresStorageAdapter } = require(path);
  const storage = new PostgresStorageAdapter(url, { max, schema: SCHEMA });
  /** @type {import('./types.js').Candidate} */
  const candidate = {
    ...callsOf(storage),
    transaction: (work) => storage.transaction((tx) => work(callsOf(tx))),
    close: () => storage.disconnect(),
  };
  return { candidate, storage };
}

/**
 * @param {import('../../index.js').PostgresStorageAdapter | import('../../index.js').PostgresTransaction} storage
 * @returns {import('./types.js').Calls}
 */
function callsOf(storage) {
  return {
    getSession: (id) => storage.getSession(id),
    getUserByEmail: (email) => storage.getUserByEmail(email),
    getApiKeyByHash: (hash) => storage.getApiKeyByHash(hash),
    getUserRoles: (userId, orgId) => storage.getUserRoles(userId, orgId),
    getSessionContext: (sessionId, orgId, extendTo) => storage.getSessionContext(sessionId, { orgId, extendTo }),
    createUser: (user) => storage.createUser(user),
    createSession: (session) => storage.createSession(session),
    updateSession: (id, patch) => storage.updateSession(id, patch),
    emitEvent: (event) => storage.emitEvent(event),
  };
}
