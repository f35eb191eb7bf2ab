/** Decodes what `exportUser` answers. */

const { dates } = require('./decoders.js');
const { apiKey, emailToken, session, ssoLink, ssoSession, twoFactorSession, user } = require('./results.js');

/** @import { UserExport } from '../index.js' */
/** @import { Decode } from './types.js' */

/** @type {Record<string, Decode<any>>} */
const LISTS = {
  sessions: session,
  apiKeys: apiKey,
  organizations: dates('joinedAt'),
  roles: dates('assignedAt'),
  emailVerificationTokens: emailToken,
  ssoLinks: ssoLink,
  ssoSessions: ssoSession,
  twoFactorDevices: dates('createdAt', 'updatedAt', 'lastUsedAt'),
  backupCodes: dates('createdAt', 'usedAt'),
  twoFactorSessions: twoFactorSession,
  events: dates('timestamp'),
};

/** @type {Decode<UserExport>} */
const userExport = (answer) => {
  if (answer.user) user(answer.user);
  const lists = /** @type {Record<string, any>} */ (answer);
  for (const [name, decode] of Object.entries(LISTS)) lists[name].forEach(decode);
  return /** @type {UserExport} */ (/** @type {unknown} */ (answer));
};

module.exports = { userExport };
