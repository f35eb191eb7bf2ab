/** An organization: members with their roles, the roles themselves, API keys and providers. */

const { actionForm, disclosure, hidden, input, offered, textarea } = require('../html/forms.js');
const { html } = require('../html/html.js');
const { jsonBlock } = require('../html/json.js');
const { badge, card, code, empty, facts } = require('../html/parts.js');
const { table } = require('../html/table.js');
const { counted, exactTime, number, time } = require('../html/time.js');
const { toSegment } = require('../paths.js');
const { notFound } = require('../refusal.js');
const { apiKeyCard } = require('./api-key-parts.js');
const { eventTable } = require('./event-table.js');
const { membersCard } = require('./organization-members.js');
const { providerTable } = require('./sso-parts.js');

/** @import { OrganizationRecord, RoleRecord } from '@kitiumai/auth-postgres' */
/** @import { Visit } from '../visit.js' */

const EVENTS = 10;
const PERMISSIONS_HINT = 'One a line, as resource:action and a name: document:write Write documents';

/**
 * @param {Visit} visit
 * @param {Record<string, string>} params
 */
async function organizationPage(visit, { id = '' }) {
  const { storage, settings } = visit;
  const organization = await storage.getOrganization(id);
  if (organization === null) throw notFound('organization');
  const [roles, keys, providers, events] = await Promise.all([
    storage.listRoles(id),
    apiKeyCard(visit, id),
    storage.listSSOProviders(id),
    storage.listEvents({ orgId: id, limit: EVENTS }),
  ]);
  const members = await membersCard(visit, organization);
  const own = providers.filter(({ orgId }) => orgId === id);
  const aside = html`<a href="${visit.href('/events', { org: id })}">All in the audit log</a>`;
  const eventList =
    events.items.length === 0
      ? empty('There are no events of this organization.')
      : await eventTable(visit, events.items, { isShort: true });
  return {
    title: organization.name,
    crumbs: /** @type {[string, string][]} */ ([['Organizations', '/organizations']]),
    head: html`<div><h1>${organization.name}</h1><p class="lead">${badge(organization.plan, 'accent')} ${code(id)}</p></div>`,
    body: html`<div class="columns"><div class="stack">
${members}${rolesCard(visit, organization, roles)}${keys}${card('Events', eventList, { aside })}
</div><div class="stack">
${settingsCard(visit, organization)}
${card('Single sign-on', own.length === 0 ? empty('No provider of its own.') : providerTable(visit, own, { isOfOne: true }), { id: 'sso' })}
${card('Metadata', html`<div class="pad">${jsonBlock(organization.metadata, settings.hiddenKeys)}</div>`)}
${deleteCard(visit, organization)}
</div></div>`,
  };
}

/**
 * @param {Visit} visit
 * @param {OrganizationRecord} organization
 */
function settingsCard(visit, { id, name, plan, seats, members, createdAt, updatedAt }) {
  const fields = html`${hidden('seen', updatedAt.toISOString())}
${input('name', 'Name', { value: name, required: true, scope: 'edit' })}
${input('plan', 'Plan', { value: plan, required: true, scope: 'edit' })}
${input('seats', 'Seats', { value: `${seats}`, type: 'number', min: 1, required: true, scope: 'edit' })}`;
  const entries = /** @type {[string, unknown][]} */ ([
    ['Plan', plan],
    ['Seats', `${number(members.length)} of ${number(seats)} taken`],
    ['Created', exactTime(createdAt)],
    ['Changed', exactTime(updatedAt)],
  ]);
  const edit = offered(visit, 'organizations:write', () =>
    disclosure(
      'Edit',
      actionForm(visit, `/organizations/${toSegment(id)}/edit`, fields, 'Save', { className: 'form narrow' }),
    ),
  );
  return card('Settings', html`${facts(entries)}${edit}`);
}

/**
 * @param {Visit} visit
 * @param {OrganizationRecord} organization
 * @param {readonly RoleRecord[]} roles
 */
function rolesCard(visit, { id }, roles) {
  const list =
    roles.length === 0
      ? empty('There are no roles.', 'Members can have roles with permissions that your application checks.')
      : table(
          'Roles',
          [
            {
              head: 'Role',
              kind: 'main',
              cell: ({ id: roleId, name, isSystem, description }) =>
                html`<span class="who"><span class="first"><a href="${visit.href(`/organizations/${toSegment(id)}/roles/${toSegment(roleId)}`)}">${name}</a>${
                  isSystem && html` ${badge('system')}`
                }</span>${description && html`<span class="second">${description}</span>`}</span>`,
            },
            { head: 'Permissions', cell: ({ permissions }) => counted(permissions.length, 'permission') },
            { head: 'Changed', cell: ({ updatedAt }) => time(updatedAt) },
          ],
          roles,
        );
  const create = offered(visit, 'roles:write', () => {
    const fields = html`${input('name', 'Name', { required: true, scope: 'role' })}
${input('description', 'Description', { scope: 'role' })}
${textarea('permissions', 'Permissions', { hint: PERMISSIONS_HINT, scope: 'role' })}`;
    return disclosure(
      'New role',
      actionForm(visit, `/organizations/${toSegment(id)}/roles/create`, fields, 'Create role', { className: 'form' }),
    );
  });
  return card('Roles', html`${list}${create}`, { count: roles.length });
}

/**
 * @param {Visit} visit
 * @param {OrganizationRecord} organization
 */
function deleteCard(visit, { id }) {
  return offered(visit, 'organizations:write', () =>
    card(
      'Delete',
      html`<p>Deletes the organization with its roles, API keys and providers. Users stay, and so do their sessions.</p>
${actionForm(visit, `/organizations/${toSegment(id)}/delete`, '', 'Delete this organization', { tone: 'danger', className: 'form narrow', asks: true })}`,
      { tone: 'danger' },
    ),
  );
}

module.exports = { organizationPage, PERMISSIONS_HINT };
