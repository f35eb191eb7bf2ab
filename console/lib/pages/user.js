/** A user, with all that belongs to it. */

const { notFound } = require('../refusal.js');
const { actionForm, disclosure, hidden, input, offered, textarea } = require('../html/forms.js');
const { html } = require('../html/html.js');
const { jsonBlock } = require('../html/json.js');
const { avatar, badge, badges, card, code, empty, facts } = require('../html/parts.js');
const { exactTime } = require('../html/time.js');
const { toSegment } = require('../paths.js');
const { nameOf } = require('../people.js');
const { apiKeyCard } = require('./api-key-parts.js');
const { eventTable } = require('./event-table.js');
const { devicesCard, linksCard, pendingMailsCard } = require('./user-factors.js');
const { membershipsCard, sessionsCard } = require('./user-lists.js');

/** @import { UserRecord } from '@kitiumai/auth-postgres' */
/** @import { Visit } from '../visit.js' */

const EVENTS = 15;

/**
 * @param {Visit} visit
 * @param {Record<string, string>} params
 */
async function userPage(visit, { id = '' }) {
  const { storage, settings } = visit;
  const user = await storage.getUser(id);
  if (user === null) throw notFound('user');
  const [sessions, devices, links, mails, memberships, keys, events] = await Promise.all([
    sessionsCard(visit, user),
    devicesCard(visit, user),
    linksCard(visit, user),
    pendingMailsCard(visit, user),
    membershipsCard(visit, user),
    apiKeyCard(visit, user.id),
    storage.listEvents({ principalId: id, limit: EVENTS }),
  ]);
  const eventList = html`${
    events.items.length === 0
      ? empty('There are no events about this user.')
      : await eventTable(visit, events.items, { isAboutOne: true })
  }`;
  const aside = html`<a href="${visit.href('/events', { principal: id })}">All in the audit log</a>`;
  return {
    title: nameOf(user),
    crumbs: /** @type {[string, string][]} */ ([['Users', '/users']]),
    head: heading(user),
    tools: exportForm(visit, user),
    body: html`<div class="columns"><div class="stack">
${sessions}${memberships}${keys}${card('Events', eventList, { aside })}
</div><div class="stack">
${profileCard(visit, user)}${devices}${links}${mails}
${card('Metadata', html`<div class="pad">${jsonBlock(user.metadata, settings.hiddenKeys)}</div>`)}
${eraseCard(visit, user)}
</div></div>`,
  };
}

/** @param {UserRecord} user */
function heading({ id, name, email, plan }) {
  return html`<div class="identity">${avatar(name ?? email ?? id, 'large')}<div><h1>${name ?? email ?? id}</h1><div class="sub">${
    name !== undefined && email !== undefined && html`<span>${email}</span>`
  }${plan !== undefined && badge(plan, 'accent')}${code(id)}</div></div></div>`;
}

/**
 * @param {Visit} visit
 * @param {UserRecord} user
 */
function exportForm(visit, { id }) {
  return offered(visit, 'users:export', () =>
    actionForm(visit, `/users/${toSegment(id)}/export`, '', 'Export everything', { tone: 'quiet' }),
  );
}

/**
 * @param {Visit} visit
 * @param {UserRecord} user
 */
function profileCard(visit, user) {
  const entries = /** @type {[string, unknown][]} */ ([
    ['E-mail', user.email],
    ['Name', user.name],
    ['Plan', user.plan],
    ['Entitlements', badges(user.entitlements)],
    ['Picture', user.picture],
    ['Created', exactTime(user.createdAt)],
    ['Changed', exactTime(user.updatedAt)],
  ]);
  return card(
    'Profile',
    html`${facts(entries)}${offered(visit, 'users:write', () => disclosure('Edit', editForm(visit, user)))}`,
  );
}

/**
 * @param {Visit} visit
 * @param {UserRecord} user
 */
function editForm(visit, { id, email, name, plan, entitlements, updatedAt }) {
  const fields = html`${hidden('seen', updatedAt.toISOString())}
${input('email', 'E-mail', { value: email ?? '', type: 'email', scope: 'edit' })}
${input('name', 'Name', { value: name ?? '', scope: 'edit' })}
${input('plan', 'Plan', { value: plan ?? '', scope: 'edit' })}
${textarea('entitlements', 'Entitlements', { value: entitlements.join('\n'), hint: 'One a line', scope: 'edit' })}`;
  return actionForm(visit, `/users/${toSegment(id)}/edit`, fields, 'Save', { className: 'form narrow' });
}

/**
 * @param {Visit} visit
 * @param {UserRecord} user
 */
function eraseCard(visit, { id }) {
  return offered(visit, 'users:erase', () => {
    const choice = (/** @type {string} */ value, /** @type {string} */ label, isFirst = false) =>
      html`<label class="choice"><input type="radio" name="events" value="${value}"${isFirst && html` checked`}> ${label}</label>`;
    const fields = html`<fieldset><legend>What happens to the events about the user</legend>
${choice('pseudonymise', 'Replace the id and empty the data', true)}${choice('delete', 'Delete them')}${choice('keep', 'Keep them as they are')}</fieldset>`;
    return card(
      'Erase',
      html`<p>Deletes the user with everything that is stored about the person. It cannot be undone.</p>
${actionForm(visit, `/users/${toSegment(id)}/erase`, fields, 'Erase this user', { tone: 'danger', className: 'form narrow', asks: true })}`,
      { tone: 'danger' },
    );
  });
}

module.exports = { userPage };
