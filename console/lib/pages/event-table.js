/** Audit events as a table. */

const { html } = require('../html/html.js');
const { jsonLine } = require('../html/json.js');
const { badge, code, organizationLink, userLink } = require('../html/parts.js');
const { table } = require('../html/table.js');
const { exactTime, time } = require('../html/time.js');
const { nameOf, organizationsById, usersById } = require('../people.js');

/** @import { EventRecord } from '@kitiumai/auth-postgres' */
/** @import { Html } from '../html/html.js' */
/** @import { Tone } from '../html/parts.js' */
/** @import { Visit } from '../visit.js' */

/**
 * @param {Visit} visit
 * @param {readonly EventRecord[]} events
 * @param {{ isShort?: boolean, isAboutOne?: boolean }} [options] `isAboutOne`: all of them are about the page's subject
 * @returns {Promise<Html>}
 */
async function eventTable(visit, events, { isShort = false, isAboutOne = false } = {}) {
  const { settings } = visit;
  const isFull = !isShort && !isAboutOne;
  const [users, organizations] = await Promise.all([
    usersById(visit, isAboutOne ? [] : events.map(({ principalId }) => principalId)),
    organizationsById(visit, isFull ? events.map(({ orgId }) => orgId) : []),
  ]);
  const about = (/** @type {EventRecord} */ { principalId }) => {
    const user = users.get(principalId);
    return user
      ? userLink(visit, { id: user.id, name: nameOf(user) })
      : html`<a href="${visit.href('/events', { principal: principalId })}">${code(principalId)}</a>`;
  };
  const organization = (/** @type {EventRecord} */ { orgId }) =>
    orgId !== undefined && organizationLink(visit, orgId, organizations.get(orgId));
  /** @type {import('../html/table.js').Column<EventRecord>[]} */
  const columns = [
    { head: 'Type', kind: 'main', cell: ({ type }) => badge(type, toneOf(visit, type)) },
    { head: 'Time', cell: ({ timestamp }) => (isFull ? exactTime(timestamp) : time(timestamp)) },
  ];
  if (!isAboutOne) columns.push({ head: 'About', cell: about });
  if (isFull) columns.push({ head: 'Organization', cell: organization });
  if (!isShort) columns.push({ head: 'Data', kind: 'wide', cell: ({ data }) => jsonLine(data, settings.hiddenKeys) });
  return table('Audit events, newest first', columns, events, ({ id }) => id);
}

/**
 * @param {Visit} visit
 * @param {string} type
 * @returns {Tone}
 */
function toneOf({ settings: { events } }, type) {
  if (events.failure.includes(type)) return 'bad';
  if (events.signIn.includes(type)) return 'good';
  return type.startsWith('console.') ? 'accent' : 'plain';
}

module.exports = { eventTable };
