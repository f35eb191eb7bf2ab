/** A role of an organization. */

const { actionForm, disclosure, hidden, input, offered, textarea } = require('../html/forms.js');
const { html } = require('../html/html.js');
const { jsonBlock } = require('../html/json.js');
const { badge, card, code, empty, facts } = require('../html/parts.js');
const { table } = require('../html/table.js');
const { exactTime } = require('../html/time.js');
const { toSegment } = require('../paths.js');
const { notFound } = require('../refusal.js');
const { PERMISSIONS_HINT } = require('./organization.js');

/** @import { Permission, RoleRecord } from '@kitiumai/auth-postgres' */
/** @import { Visit } from '../visit.js' */

/**
 * @param {Visit} visit
 * @param {Record<string, string>} params
 */
async function rolePage(visit, { id = '', role: roleId = '' }) {
  const { storage, settings } = visit;
  const [organization, role] = await Promise.all([storage.getOrganization(id), storage.getRole(roleId)]);
  if (organization === null || role === null || role.orgId !== id) throw notFound('role');
  const path = `/organizations/${toSegment(id)}`;
  const entries = /** @type {[string, unknown][]} */ ([
    ['Organization', html`<a href="${visit.href(path)}">${organization.name}</a>`],
    ['Created', exactTime(role.createdAt)],
    ['Changed', exactTime(role.updatedAt)],
    ['Id', code(role.id)],
    ['Metadata', jsonBlock(role.metadata, settings.hiddenKeys)],
  ]);
  return {
    title: role.name,
    crumbs: /** @type {[string, string][]} */ ([
      ['Organizations', '/organizations'],
      [organization.name, path],
    ]),
    head: html`<div><h1>${role.name} ${role.isSystem && badge('system')}</h1>${role.description && html`<p class="lead">${role.description}</p>`}</div>`,
    body: html`<div class="columns"><div class="stack">${permissionsCard(visit, role)}</div><div class="stack">
${card('Role', facts(entries))}
${offered(visit, 'roles:write', () => html`${assignCard(visit, role)}${deleteCard(visit, role)}`)}
</div></div>`,
  };
}

/** @param {RoleRecord} role */
function pathOf({ orgId, id }) {
  return `/organizations/${toSegment(orgId)}/roles/${toSegment(id)}`;
}

/** @param {Permission} permission */
function permissionLine({ resource, action, name }) {
  return `${resource}:${action} ${name}`;
}

/**
 * @param {Visit} visit
 * @param {RoleRecord} role
 */
function permissionsCard(visit, role) {
  const { name, description, permissions, updatedAt } = role;
  const list =
    permissions.length === 0
      ? empty('This role allows nothing.')
      : table(
          'Permissions',
          [
            { head: 'Permission', kind: 'main', cell: (permission) => permission.name },
            { head: 'Allows', cell: ({ resource, action }) => html`<code>${resource}:${action}</code>` },
            { head: 'Description', cell: (permission) => permission.description },
          ],
          permissions,
        );
  const edit = offered(visit, 'roles:write', () => {
    const fields = html`${hidden('seen', updatedAt.toISOString())}
${input('name', 'Name', { value: name, required: true, scope: 'edit' })}
${input('description', 'Description', { value: description ?? '', scope: 'edit' })}
${textarea('permissions', 'Permissions', { value: permissions.map(permissionLine).join('\n'), hint: PERMISSIONS_HINT, scope: 'edit' })}`;
    return disclosure('Edit', actionForm(visit, `${pathOf(role)}/edit`, fields, 'Save', { className: 'form' }));
  });
  return card('Permissions', html`${list}${edit}`, { count: permissions.length });
}

/**
 * @param {Visit} visit
 * @param {RoleRecord} role
 */
function assignCard(visit, role) {
  const user = (/** @type {string} */ label, /** @type {string} */ scope) =>
    input('user', `${label} (e-mail or id)`, { required: true, scope });
  return card(
    'Who has it',
    html`<p>The roles of a user stand on the user’s page, and those of members on the organization’s.</p>
${actionForm(visit, `${pathOf(role)}/assign`, user('Give it to', 'assign'), 'Assign', { className: 'row' })}
${actionForm(visit, `${pathOf(role)}/revoke`, user('Take it from', 'revoke'), 'Take away', { tone: 'danger', className: 'row', asks: true })}`,
  );
}

/**
 * @param {Visit} visit
 * @param {RoleRecord} role
 */
function deleteCard(visit, role) {
  const form = actionForm(visit, `${pathOf(role)}/delete`, '', 'Delete this role', {
    ...{ tone: 'danger', className: 'form narrow', asks: true },
  });
  return card('Delete', html`<p>Takes the role away from everybody who has it, and deletes it.</p>${form}`, {
    tone: 'danger',
  });
}

module.exports = { rolePage };
