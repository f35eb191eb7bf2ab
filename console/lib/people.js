/** Users and organizations by their ids, for lists that have only these. */

/** @import { OrganizationRecord, UserRecord } from '@kitiumai/auth-postgres' */
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

/**
 * @param {Visit} visit
 * @param {readonly (string | undefined)[]} ids
 * @returns {Promise<Map<string, OrganizationRecord>>}
 */
async function organizationsById({ storage }, ids) {
  const known = ids.flatMap((id) => (id === undefined ? [] : [id]));
  const found = await Promise.all([...new Set(known)].map((id) => storage.getOrganization(id)));
  return new Map(found.flatMap((organization) => (organization ? [[organization.id, organization]] : [])));
}

/** @param {UserRecord} user */
function nameOf({ name, email, id }) {
  return name ?? email ?? id;
}

module.exports = { nameOf, organizationsById, usersById };
