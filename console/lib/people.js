/** Users by their ids, for lists that have only these. */

/** @import { UserRecord } from '@kitiumai/auth-postgres' */
/** @import { Visit } from './visit.js' */

/**
 * The look-ups are made together, so that they share a statement.
 *
 * @param {Visit} visit
 * @param {readonly string[]} ids
 * @returns {Promise<Map<string, UserRecord>>}
 */
async function usersById({ storage }, ids) {
  const found = await Promise.all([...new Set(ids)].map((id) => storage.getUser(id)));
  return new Map(found.flatMap((user) => (user ? [[user.id, user]] : [])));
}

/** @param {UserRecord} user */
function nameOf({ name, email, id }) {
  return name ?? email ?? id;
}

module.exports = { nameOf, usersById };
