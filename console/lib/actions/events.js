/** The audit log as a CSV file, which is written while it is read: no number of events needs more memory than one page. */

const { readEventFilters } = require('../event-filters.js');
const { toJson } = require('../html/json.js');
const { fileHeaders } = require('./download.js');

/** @import { EventRecord } from '@kitiumai/auth-postgres' */
/** @import { Visit } from '../visit.js' */
/** @import { Action } from './action.js' */

const HEAD = 'id,timestamp,type,principalId,orgId,data\r\n';
const PAGE = 1_000;
/** What spreadsheets take for a formula. */
const FORMULA = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;

/**
 * A cell, in quotation marks. An apostrophe before what could be a formula makes it text.
 *
 * @param {string} text
 */
function cell(text) {
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return `"${safe.replaceAll('"', '""')}"`;
}

/**
 * @param {EventRecord} event
 * @param {readonly string[]} hiddenKeys
 */
function line({ id, timestamp, type, principalId, orgId, data }, hiddenKeys) {
  const cells = [id, timestamp.toISOString(), type, principalId, orgId ?? '', toJson(data, hiddenKeys)];
  return `${cells.map(cell).join(',')}\r\n`;
}

/**
 * @param {Visit} visit
 * @param {ReturnType<typeof readEventFilters>} filters
 */
function csvStream({ storage, settings, request }, filters) {
  const encoder = new TextEncoder();
  let left = settings.csvRows;
  /** @type {string | undefined} */
  let after;
  let isFirst = true;
  return new ReadableStream({
    async pull(controller) {
      const page = storage.listEvents({ ...filters, after, limit: Math.min(PAGE, left) });
      // The response has begun, so that there is no page that could say it.
      page.catch((error) => settings.onError(error, request));
      const { items, next } = await page;
      const text = items.map((event) => line(event, settings.hiddenKeys)).join('');
      controller.enqueue(encoder.encode(`${isFirst ? HEAD : ''}${text}`));
      isFirst = false;
      left -= items.length;
      after = next;
      if (next === undefined || left <= 0) controller.close();
    },
  });
}

/** @type {Action} */
const exportEvents = {
  path: '/events/export',
  permission: 'events:export',
  event: 'console.events.exported',
  async run(_tx, { visit, form }) {
    const filters = readEventFilters((name) => form.text(name));
    // The event of this export is not in it, nor is anything later.
    const to = filters.to ?? new Date();
    return {
      about: { principalId: visit.operator.name, orgId: filters.orgId, data: { filters: { ...filters, to } } },
      response: () =>
        new Response(csvStream(visit, { ...filters, to }), { headers: fileHeaders('text/csv', 'events.csv') }),
    };
  },
};

module.exports = { cell, EVENT_ACTIONS: [exportEvents] };
