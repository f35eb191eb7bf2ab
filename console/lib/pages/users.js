/** Users, newest first, and who has an e-mail that begins in a certain way. */

const { input } = require('../html/forms.js');
const { html } = require('../html/html.js');
const { badge, badges, card, empty, pager, userLink } = require('../html/parts.js');
const { table } = require('../html/table.js');
const { time } = require('../html/time.js');

/** @import { UserRecord } from '@kitiumai/auth-postgres' */
/** @import { Visit } from '../visit.js' */

const PAGE = 25;

/** @param {Visit} visit */
async function usersPage(visit) {
  const { storage, query } = visit;
  const { q, plan, after } = query;
  const [page, exact] = await Promise.all([
    storage.listUsers({ emailPrefix: q, plan, after, limit: PAGE }),
    // What is typed may be an id as well.
    q !== undefined && after === undefined ? storage.getUser(q) : null,
  ]);
  const users = exact ? [exact, ...page.items.filter(({ id }) => id !== exact.id)] : page.items;
  const filters = { q, plan };
  const isFiltered = q !== undefined || plan !== undefined;
  const list = users.length === 0 ? nobody(visit, isFiltered) : userTable(visit, users);
  const body = html`<form class="filters" role="search" method="get" action="${visit.href('/users')}" data-filter="#people">
${input('q', 'E-mail begins with, or id', { value: q ?? '', type: 'search', placeholder: 'ada@', scope: 'filter' })}
${input('plan', 'Plan', { value: plan ?? '', scope: 'filter' })}
<button class="button primary" type="submit">Search</button>${isFiltered && html`<a class="button quiet" href="${visit.href('/users')}">Reset</a>`}
</form>
<div id="people" aria-live="polite">${card(isFiltered ? 'Users found' : 'Newest users', html`${list}${pager(visit, { ...filters, after }, page.next)}`)}</div>`;
  return { title: 'Users', body };
}

/**
 * @param {Visit} visit
 * @param {boolean} isFiltered
 */
function nobody(visit, isFiltered) {
  return isFiltered
    ? empty('Nobody was found.', html`<a href="${visit.href('/users')}">Show all users</a>`)
    : empty('There are no users yet.', 'They appear here when your application creates them.');
}

/**
 * @param {Visit} visit
 * @param {readonly UserRecord[]} users
 */
function userTable(visit, users) {
  return table(
    'Users',
    [
      { head: 'User', kind: 'main', cell: (user) => userLink(visit, user) },
      { head: 'Plan', cell: ({ plan }) => plan && badge(plan) },
      { head: 'Entitlements', cell: ({ entitlements }) => badges(entitlements) },
      { head: 'Created', cell: ({ createdAt }) => time(createdAt) },
      { head: 'Changed', cell: ({ updatedAt }) => time(updatedAt) },
    ],
    users,
    ({ id }) => id,
  );
}

module.exports = { usersPage };
