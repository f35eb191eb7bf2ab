import { createRequire } from 'node:module';
import { SCHEMA } from '../data.mjs';

const { PostgresStorageAdapter } = createRequire(import.meta.url)('../../index.js');

/** @type {import('./types.js').Open} */
export async function open({ url, max }) {
  const storage = new PostgresStorageAdapter(url, { max, schema: SCHEMA });
  await storage.connect();
  return {
    getSession: (id) => storage.getSession(id),
    getUserByEmail: (email) => storage.getUserByEmail(email),
    getApiKeyByHash: (hash) => storage.getApiKeyByHash(hash),
    getUserRoles: (userId, orgId) => storage.getUserRoles(userId, orgId),
    createUser: (user) => storage.createUser(user),
    createSession: (session) => storage.createSession(session),
    updateSession: (id, patch) => storage.updateSession(id, patch),
    emitEvent: (event) => storage.emitEvent(event),
    close: () => storage.disconnect(),
  };
}
