/** Organizations, newest first. */

const { actionForm, disclosure, input, offered } = require('../html/forms.js');
const { html } = require('../html/html.js');
const { badge, card, code, empty, pager } = require('../html/parts.js');
const { table } = require('../html/table.js');
const { number, time } = require('../html/time.js');
const { meter } = require('../html/charts.js');
const { toSegment } = require('../paths.js');

/** @import { OrganizationRecord } from '@kitiumai/auth-postgres' */
/** @import { Visit } from '../visit.js' */

const PAGE = 25;

/** @param {Visit} visit */
async function organizationsPage(visit) {
  const { storage, query } = visit;
  const { q, after } = query;
  const { items, next } =
    q === undefined ? await storage.listOrganizations({ after, limit: PAGE }) : await byId(visit, q);
  const list =
    items.length === 0
      ? empty(q === undefined ? 'There are no organizations yet.' : 'There is no organization with this id.')
      : organizationTable(visit, items);
  const create = offered(visit, 'organizations:write', () => disclosure('New organization', createForm(visit)));
  const body = html`<form class="filters" role="search" method="get" action="${visit.href('/organizations')}">
${input('q', 'Id of an organization', { value: q ?? '', type: 'search', scope: 'filter' })}
<button class="button primary" type="submit">Find</button>${q !== undefined && html`<a class="button quiet" href="${visit.href('/organizations')}">Reset</a>`}
</form>
${card(q === undefined ? 'Newest organizations' : 'Found', html`${list}${pager(visit, { q, after }, next)}${create}`)}`;
  return { title: 'Organizations', body };
}

/**
 * @param {Visit} visit
 * @param {string} id
 * @returns {Promise<{ items: OrganizationRecord[], next?: string }>}
 */
async function byId({ storage }, id) {
  const found = await storage.getOrganization(id);
  return { items: found ? [found] : [] };
}

/**
 * @param {Visit} visit
 * @param {readonly OrganizationRecord[]} organizations
 */
function organizationTable(visit, organizations) {
  return table(
    'Organizations',
    [
      {
        head: 'Organization',
        kind: 'main',
        cell: ({ id, name }) =>
          html`<span class="who"><a class="first" href="${visit.href(`/organizations/${toSegment(id)}`)}">${name}</a>${code(id)}</span>`,
      },
      { head: 'Plan', cell: ({ plan }) => badge(plan) },
      {
        head: 'Seats taken',
        cell: ({ members, seats }) =>
          meter(
            members.length,
            seats,
            `${number(members.length)} of ${number(seats)}`,
            members.length >= seats ? 'notice' : 'accent',
          ),
      },
      { head: 'Created', cell: ({ createdAt }) => time(createdAt) },
    ],
    organizations,
    ({ id }) => id,
  );
}

/** @param {Visit} visit */
function createForm(visit) {
  const fields = html`${input('name', 'Name', { required: true, scope: 'new' })}
${input('plan', 'Plan', { value: 'free', required: true, scope: 'new' })}
${input('seats', 'Seats', { value: '5', type: 'number', min: 1, required: true, scope: 'new' })}
${input('owner', 'Owner', { hint: 'E-mail or id of a user; may stay empty', scope: 'new' })}`;
  return actionForm(visit, '/organizations/create', fields, 'Create organization', { className: 'form' });
}

module.exports = { organizationsPage };
