/** The audit log. */

const { setTimeout } = require('node:timers/promises');
const { actionForm, hidden, input, offered } = require('../html/forms.js');
const { html } = require('../html/html.js');
const { card, empty, pager } = require('../html/parts.js');
const { number } = require('../html/time.js');
const { readEventFilters } = require('../event-filters.js');
const { eventTable } = require('./event-table.js');

/** @import { Visit } from '../visit.js' */

const PAGE = 50;
const PATIENCE_MS = 200;
const FIELDS = /** @type {const} */ (['type', 'principal', 'org', 'from', 'to']);

/** @param {Visit} visit */
async function eventsPage(visit) {
  const { storage, query } = visit;
  const filters = readEventFilters((name) => query[name]);
  const [{ items, next }, types] = await Promise.all([
    storage.listEvents({ ...filters, after: query.after, limit: PAGE }),
    typesSoon(visit),
  ]);
  const kept = Object.fromEntries(FIELDS.map((name) => [name, query[name]]));
  const isFiltered = FIELDS.some((name) => query[name] !== undefined);
  const list =
    items.length === 0
      ? empty(isFiltered ? 'No event was found.' : 'There are no events yet.')
      : html`${await eventTable(visit, items)}`;
  const live =
    query.after === undefined &&
    html`<label class="switch" hidden><input type="checkbox" data-live="#log"> Live <span id="live-status" class="faint" role="status"></span></label>`;
  const body = html`${filterForm(visit, types, isFiltered)}
${card('Events', html`<div id="log">${list}</div>${pager(visit, { ...kept, after: query.after }, next)}`, { aside: live })}`;
  return { title: 'Audit log', body, tools: exportForm(visit, kept) };
}

/**
 * The types that the field proposes. They are a convenience, which no page waits for: the next one has them.
 *
 * @param {Visit} visit
 * @returns {Promise<string[]>}
 */
async function typesSoon({ caches }) {
  const types = caches.eventTypes().catch(() => undefined);
  return (await Promise.race([types, setTimeout(PATIENCE_MS)])) ?? [];
}

/**
 * @param {Visit} visit
 * @param {readonly string[]} types
 * @param {boolean} isFiltered
 */
function filterForm(visit, types, isFiltered) {
  const { query } = visit;
  const time = (/** @type {string} */ name, /** @type {string} */ label) =>
    input(name, label, { value: query[name] ?? '', type: 'datetime-local', scope: 'filter' });
  return html`<form class="filters" role="search" method="get" action="${visit.href('/events')}">
${input('type', 'Type', { value: query.type ?? '', list: 'event-types', scope: 'filter' })}
<datalist id="event-types">${types.map((type) => html`<option value="${type}"></option>`)}</datalist>
${input('principal', 'About (id)', { value: query.principal ?? '', scope: 'filter' })}
${input('org', 'Organization (id)', { value: query.org ?? '', scope: 'filter' })}
${time('from', 'From (UTC)')}${time('to', 'Before (UTC)')}
<button class="button primary" type="submit">Filter</button>${isFiltered && html`<a class="button quiet" href="${visit.href('/events')}">Reset</a>`}
</form>`;
}

/**
 * @param {Visit} visit
 * @param {import('../visit.js').Query} kept
 */
function exportForm(visit, kept) {
  return offered(visit, 'events:export', () => {
    const fields = Object.entries(kept).flatMap(([name, value]) => (value ? [hidden(name, value)] : []));
    const describes = `of at most ${number(visit.settings.csvRows)} events`;
    return actionForm(visit, '/events/export', fields, 'Export CSV', { tone: 'quiet', describes });
  });
}

module.exports = { eventsPage };
