/** The application: signing up, in and out. */
const { InternalError } = require('@kitiumai/auth-postgres');

const HOUR = 3_600_000;

class EmailTakenError extends Error {}

/** @param {import('@kitiumai/auth-postgres').PostgresStorageAdapter} storage */
function accounts(storage) {
  return {
    /** @param {string} email */
    async signUp(email) {
      try {
        return await storage.createUser({ email, entitlements: ['read'] });
      } catch (error) {
        const isTaken = error instanceof InternalError && error.code === 'auth_postgres/conflict';
        throw isTaken ? new EmailTakenError(email) : error;
      }
    },

    /** @param {string} email */
    async signIn(email, { lastsMs = HOUR } = {}) {
      const user = await storage.getUserByEmail(email);
      if (!user) return null;
      const { id, entitlements } = user;
      return storage.createSession({ userId: id, entitlements, expiresAt: new Date(Date.now() + lastsMs) });
    },

    /** @param {string} sessionId */
    async whoIs(sessionId) {
      const session = await storage.getSession(sessionId);
      return session && storage.getUser(session.userId);
    },

    /** @param {string} userId */
    signOutEverywhere: (userId) => storage.deleteUserSessions(userId),
  };
}

module.exports = { accounts, EmailTakenError };
