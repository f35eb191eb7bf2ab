/** What can be done to an organization and its members. */

const { toSegment } = require('../paths.js');
const { notFound, Refusal } = require('../refusal.js');

/** @import { OrganizationRole, PostgresTransaction } from '@kitiumai/auth-postgres' */
/** @import { Action, Call, Form } from './action.js' */

const ROLES = ['owner', 'admin', 'member'];

/** @param {string} id */
function pathOf(id) {
  return `/organizations/${toSegment(id)}`;
}

/**
 * Somebody who is given by e-mail or id.
 *
 * @param {PostgresTransaction} tx
 * @param {string} text
 */
async function findUser(tx, text) {
  const user = text === '' ? null : ((await tx.getUserByEmail(text)) ?? (await tx.getUser(text)));
  if (user === null) throw new Refusal(422, 'There is no user with this e-mail or id.');
  return user;
}

/**
 * @param {Call['visit']['storage'] | PostgresTransaction} storage
 * @param {string} id
 */
async function getOrganization(storage, id) {
  const organization = await storage.getOrganization(id);
  if (organization === null) throw notFound('organization');
  return organization;
}

/** @param {Form} form @returns {OrganizationRole} */
function readRole(form) {
  const role = form.text('role');
  if (!ROLES.includes(role)) throw new Refusal(400, 'A member is an owner, an admin or a member.');
  return /** @type {OrganizationRole} */ (role);
}

/** @param {Form} form */
function readSeats(form) {
  const seats = Number(form.required('seats'));
  if (!Number.isSafeInteger(seats) || seats < 1) throw new Refusal(422, 'Seats are a whole number from 1 on.');
  return seats;
}

/** @param {Form} form */
function readSettings(form) {
  return { name: form.required('name'), plan: form.required('plan'), seats: readSeats(form) };
}

/** @type {Action} */
const createOrganization = {
  path: '/organizations/create',
  permission: 'organizations:write',
  event: 'console.organization.created',
  async run(tx, { form }) {
    const owner = form.text('owner') === '' ? undefined : await findUser(tx, form.text('owner'));
    const { id, name } = await tx.createOrganization(readSettings(form));
    if (owner) await tx.addOrganizationMember(id, { userId: owner.id, role: 'owner' });
    const data = { name, ...(owner && { owner: owner.id }) };
    return { about: { principalId: id, orgId: id, data }, to: pathOf(id), done: 'organization-created' };
  },
};

/** @type {Action} */
const editOrganization = {
  path: '/organizations/:id/edit',
  permission: 'organizations:write',
  event: 'console.organization.changed',
  async run(tx, { params: { id = '' }, form }) {
    const settings = readSettings(form);
    await tx.updateOrganization(id, settings, { ifUpdatedAt: form.optional('seen') });
    return { about: { principalId: id, orgId: id, data: settings }, to: pathOf(id), done: 'organization-changed' };
  },
};

/** @type {Action} */
const deleteOrganization = {
  path: '/organizations/:id/delete',
  permission: 'organizations:write',
  event: 'console.organization.deleted',
  async ask({ visit, params: { id = '' } }) {
    const { name, members } = await getOrganization(visit.storage, id);
    return {
      title: `Delete ${name}?`,
      text: `Its roles, API keys and providers are deleted with it, and ${members.length} people are members no more.`,
      button: 'Delete the organization',
      back: pathOf(id),
      typed: name,
    };
  },
  async run(tx, { params: { id = '' } }) {
    const { name, members } = await getOrganization(tx, id);
    await tx.deleteOrganization(id);
    const data = { name, members: members.length };
    return { about: { principalId: id, orgId: id, data }, to: '/organizations', done: 'organization-deleted' };
  },
};

/** @type {Action} */
const addMember = {
  path: '/organizations/:id/members/add',
  permission: 'organizations:write',
  event: 'console.member.added',
  async run(tx, { params: { id = '' }, form }) {
    const role = readRole(form);
    const user = await findUser(tx, form.text('user'));
    await tx.addOrganizationMember(id, { userId: user.id, role });
    return { about: { principalId: user.id, orgId: id, data: { role } }, to: pathOf(id), done: 'member-added' };
  },
};

/** @type {Action} */
const setMemberRole = {
  path: '/organizations/:id/members/role',
  permission: 'organizations:write',
  event: 'console.member.changed',
  async run(tx, { params: { id = '' }, form }) {
    const role = readRole(form);
    const userId = form.text('user');
    await tx.setOrganizationMemberRole(id, userId, role);
    return { about: { principalId: userId, orgId: id, data: { role } }, to: pathOf(id), done: 'member-changed' };
  },
};

/** @type {Action} */
const removeMember = {
  path: '/organizations/:id/members/remove',
  permission: 'organizations:write',
  event: 'console.member.removed',
  ask: ({ params: { id = '' } }) => ({
    title: 'Remove this member?',
    text: 'The user stays, but belongs to the organization no more.',
    button: 'Remove the member',
    back: pathOf(id),
  }),
  async run(tx, { params: { id = '' }, form }) {
    const userId = form.text('user');
    const { members } = await getOrganization(tx, id);
    if (!members.some((member) => member.userId === userId)) throw notFound('member');
    await tx.removeOrganizationMember(id, userId);
    return { about: { principalId: userId, orgId: id, data: {} }, to: pathOf(id), done: 'member-removed' };
  },
};

module.exports = {
  findUser,
  ORGANIZATION_ACTIONS: [
    createOrganization,
    editOrganization,
    deleteOrganization,
    addMember,
    setMemberRole,
    removeMember,
  ],
};
