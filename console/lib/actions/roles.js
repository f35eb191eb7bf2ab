/** What can be done to the roles of an organization. */

const { toSegment } = require('../paths.js');
const { notFound, Refusal } = require('../refusal.js');
const { findUser } = require('./organizations.js');

/** @import { Permission, PermissionInput, PostgresTransaction } from '@kitiumai/auth-postgres' */
/** @import { Action, Call, Form } from './action.js' */

const LINE = /^([^\s:]+):(\S+)(?:\s+(.*))?$/;

/** @param {Record<string, string>} params */
function pathOf({ id = '', role = '' }) {
  return `/organizations/${toSegment(id)}/roles/${toSegment(role)}`;
}

/**
 * @param {Call['visit']['storage'] | PostgresTransaction} storage
 * @param {Record<string, string>} params
 */
async function getRole(storage, { id = '', role: roleId = '' }) {
  const role = await storage.getRole(roleId);
  if (role === null || role.orgId !== id) throw notFound('role');
  return role;
}

/**
 * Permissions as lines. One that was there keeps its id, its description and its metadata.
 *
 * @param {Form} form
 * @param {readonly Permission[]} [before]
 * @returns {PermissionInput[]}
 */
function readPermissions(form, before = []) {
  return form.lines('permissions').map((line) => {
    const [, resource, action, name] = LINE.exec(line) ?? [];
    if (resource === undefined || action === undefined) {
      throw new Refusal(422, `"${line}" is not a permission: write resource:action and a name.`);
    }
    const known = before.find((each) => each.resource === resource && each.action === action);
    return { ...known, resource, action, name: name || known?.name || `${resource}:${action}` };
  });
}

/** @type {Action} */
const createRole = {
  path: '/organizations/:id/roles/create',
  permission: 'roles:write',
  event: 'console.role.created',
  async run(tx, { params: { id = '' }, form }) {
    const permissions = readPermissions(form);
    const role = await tx.createRole({
      ...{ orgId: id, name: form.required('name'), description: form.optional('description'), permissions },
    });
    const data = { roleId: role.id, name: role.name };
    return { about: { principalId: id, orgId: id, data }, to: pathOf({ id, role: role.id }), done: 'role-created' };
  },
};

/** @type {Action} */
const editRole = {
  path: '/organizations/:id/roles/:role/edit',
  permission: 'roles:write',
  event: 'console.role.changed',
  async run(tx, { params, form }) {
    const { id = '' } = params;
    const role = await getRole(tx, params);
    const permissions = readPermissions(form, role.permissions);
    const patch = { name: form.required('name'), description: form.optional('description'), permissions };
    await tx.updateRole(role.id, patch, { ifUpdatedAt: form.optional('seen') });
    const data = {
      roleId: role.id,
      name: patch.name,
      permissions: permissions.map(({ resource, action }) => `${resource}:${action}`),
    };
    return { about: { principalId: id, orgId: id, data }, to: pathOf(params), done: 'role-changed' };
  },
};

/** @type {Action} */
const deleteRole = {
  path: '/organizations/:id/roles/:role/delete',
  permission: 'roles:write',
  event: 'console.role.deleted',
  async ask({ visit, params }) {
    const { name } = await getRole(visit.storage, params);
    return {
      title: `Delete the role ${name}?`,
      text: 'Everybody who has it loses its permissions.',
      button: 'Delete the role',
      back: pathOf(params),
    };
  },
  async run(tx, { params }) {
    const { id = '' } = params;
    const role = await getRole(tx, params);
    await tx.deleteRole(role.id);
    const data = { roleId: role.id, name: role.name };
    return { about: { principalId: id, orgId: id, data }, to: `/organizations/${toSegment(id)}`, done: 'role-deleted' };
  },
};

/** @type {Action} */
const assignRole = {
  path: '/organizations/:id/roles/:role/assign',
  permission: 'roles:write',
  event: 'console.role.assigned',
  async run(tx, { params, form }) {
    const { id = '' } = params;
    const role = await getRole(tx, params);
    const user = await findUser(tx, form.text('user'));
    await tx.assignRoleToUser(user.id, role.id, id);
    const data = { roleId: role.id, name: role.name };
    return { about: { principalId: user.id, orgId: id, data }, to: pathOf(params), done: 'role-assigned' };
  },
};

/** @type {Action} */
const revokeRole = {
  path: '/organizations/:id/roles/:role/revoke',
  permission: 'roles:write',
  event: 'console.role.revoked',
  async ask({ visit, params, form }) {
    const { name } = await getRole(visit.storage, params);
    return {
      title: `Take the role ${name} away?`,
      text: `${form.text('user')} loses its permissions.`,
      button: 'Take it away',
      back: pathOf(params),
    };
  },
  async run(tx, { params, form }) {
    const { id = '' } = params;
    const role = await getRole(tx, params);
    const user = await findUser(tx, form.text('user'));
    const roles = await tx.getUserRoles(user.id, id);
    if (!roles.some((each) => each.id === role.id)) throw new Refusal(422, 'This user does not have the role.');
    await tx.revokeRoleFromUser(user.id, role.id, id);
    const data = { roleId: role.id, name: role.name };
    return { about: { principalId: user.id, orgId: id, data }, to: pathOf(params), done: 'role-revoked' };
  },
};

module.exports = { ROLE_ACTIONS: [createRole, editRole, deleteRole, assignRole, revokeRole] };
