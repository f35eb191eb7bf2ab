/** The members of an organization, a page at a time, with what they are and which roles they have. */

const { actionForm, disclosure, hidden, input, offered, select } = require('../html/forms.js');
const { html } = require('../html/html.js');
const { badge, badges, card, code, empty, userLink } = require('../html/parts.js');
const { table } = require('../html/table.js');
const { number, time } = require('../html/time.js');
const { toSegment } = require('../paths.js');
const { nameOf, usersById } = require('../people.js');

/** @import { OrganizationMember, OrganizationRecord, RoleRecord, UserRecord } from '@kitiumai/auth-postgres' */
/** @import { Visit } from '../visit.js' */

/** @typedef {{ member: OrganizationMember, user: UserRecord | undefined, roles: RoleRecord[] }} MemberRow */

const PAGE = 25;
const ROLES = /** @type {const} */ ([
  ['owner', 'Owner'],
  ['admin', 'Admin'],
  ['member', 'Member'],
]);

/**
 * @param {Visit} visit
 * @param {OrganizationRecord} organization
 */
async function membersCard(visit, organization) {
  const { storage, query } = visit;
  const { id, members } = organization;
  const last = Math.max(1, Math.ceil(members.length / PAGE));
  const page = Math.min(last, Math.max(1, Math.trunc(Number(query.members)) || 1));
  const shown = members.slice((page - 1) * PAGE, page * PAGE);
  const ids = shown.map(({ userId }) => userId);
  const [users, roles] = await Promise.all([
    usersById(visit, ids),
    Promise.all(ids.map((userId) => storage.getUserRoles(userId, id))),
  ]);
  const rows = shown.map((member, index) => ({ member, user: users.get(member.userId), roles: roles[index] ?? [] }));
  const list = rows.length === 0 ? empty('There are no members.') : memberTable(visit, id, rows);
  const add = offered(visit, 'organizations:write', () => disclosure('Add a member', addForm(visit, id)));
  return card('Members', html`${list}${pages(visit, page, last)}${add}`, { count: members.length });
}

/**
 * @param {Visit} visit
 * @param {string} orgId
 * @param {readonly MemberRow[]} rows
 */
function memberTable(visit, orgId, rows) {
  const isWriter = visit.may('organizations:write');
  return table(
    'Members',
    [
      {
        head: 'Member',
        kind: 'main',
        cell: ({ member, user }) => (user ? userLink(visit, user) : code(member.userId)),
      },
      {
        head: 'Member as',
        cell: ({ member, user }) => (isWriter ? roleForm(visit, orgId, member, user) : badge(member.role)),
      },
      { head: 'Roles', cell: ({ roles }) => badges(roles.map(({ name }) => name)) },
      { head: 'Joined', cell: ({ member }) => time(member.joinedAt) },
      {
        head: 'Remove',
        kind: 'actions',
        cell: ({ member, user }) => isWriter && removeForm(visit, orgId, member, user),
      },
    ],
    rows,
  );
}

/**
 * @param {Visit} visit
 * @param {string} orgId
 * @param {OrganizationMember} member
 * @param {UserRecord | undefined} user
 */
function roleForm(visit, orgId, { userId, role }, user) {
  const name = user ? nameOf(user) : userId;
  const fields = html`${hidden('user', userId)}${select('role', `Role of ${name}`, ROLES, { value: role, scope: `role-${toSegment(userId)}` })}`;
  const options = /** @type {const} */ ({ tone: 'quiet', className: 'inline', describes: `the role of ${name}` });
  return actionForm(visit, `/organizations/${toSegment(orgId)}/members/role`, fields, 'Set', options);
}

/**
 * @param {Visit} visit
 * @param {string} orgId
 * @param {OrganizationMember} member
 * @param {UserRecord | undefined} user
 */
function removeForm(visit, orgId, { userId }, user) {
  const path = `/organizations/${toSegment(orgId)}/members/remove`;
  const describes = user ? nameOf(user) : userId;
  return actionForm(visit, path, hidden('user', userId), 'Remove', { tone: 'danger', describes, asks: true });
}

/**
 * @param {Visit} visit
 * @param {string} orgId
 */
function addForm(visit, orgId) {
  const fields = html`${input('user', 'User', { hint: 'E-mail or id', required: true, scope: 'add' })}${select('role', 'Member as', ROLES, { value: 'member', scope: 'add' })}`;
  return actionForm(visit, `/organizations/${toSegment(orgId)}/members/add`, fields, 'Add member', {
    className: 'form',
  });
}

/**
 * @param {Visit} visit
 * @param {number} page
 * @param {number} last
 */
function pages(visit, page, last) {
  if (last === 1) return '';
  const link = (/** @type {number} */ to, /** @type {string} */ label) =>
    to < 1 || to > last
      ? html`<span class="faint">${label}</span>`
      : html`<a class="button" href="${visit.hereWith({ members: `${to}` })}">${label}</a>`;
  return html`<nav class="pager" aria-label="Pages of members">${link(page - 1, 'Previous')}<span class="faint">Page ${number(page)} of ${number(last)}</span>${link(page + 1, 'Next')}</nav>`;
}

module.exports = { membersCard };
