/** The same store, with a call for each record that a request needs, one after the other. */
import { connect } from './ours.mjs';

/** @type {import('./types.js').Open} */
export async function open(target) {
  const storage = await connect(target);
  return {
    getSessionContext: async (sessionId, orgId, extendTo) => {
      const session = await (extendTo
        ? storage.updateSession(sessionId, { expiresAt: extendTo })
        : storage.getSession(sessionId));
      if (session === null) return null;
      const user = await storage.getUser(session.userId);
      const organization = await storage.getOrganization(orgId);
      return { session, user, organization, roles: await storage.getUserRoles(session.userId, orgId) };
    },
    close: () => storage.disconnect(),
  };
}
