/** What an operator may do. */

/** @import { Operator, Permission } from '../index.js' */

/** @type {readonly Exclude<Permission, '*'>[]} */
const PERMISSIONS = Object.freeze([
  'read',
  'users:write',
  'users:erase',
  'users:export',
  'sessions:revoke',
  'organizations:write',
  'roles:write',
  'api-keys:write',
  'sso:write',
  'events:export',
  'system:write',
]);

/**
 * @param {Operator} operator
 * @param {Permission} permission
 */
function allows(operator, permission) {
  return operator.can.includes('*') || operator.can.includes(permission);
}

/**
 * What `authorize` has returned, checked: a mistake there must not become a right.
 *
 * @param {unknown} found
 * @returns {Operator | null}
 */
function readOperator(found) {
  if (found === null || found === undefined) return null;
  const { name, can } = /** @type {Partial<Operator>} */ (found);
  if (typeof name !== 'string' || name === '' || !Array.isArray(can)) {
    throw new TypeError('authorize must return {name: string, can: Permission[]} or null.');
  }
  const unknown = can.find((each) => each !== '*' && !PERMISSIONS.includes(each));
  if (unknown !== undefined)
    throw new TypeError(`authorize returned the permission "${unknown}", which does not exist.`);
  return { name, can: [...can] };
}

module.exports = { PERMISSIONS, allows, readOperator };
