const { setTimeout: sleep } = require('node:timers/promises');
const { coloursFor } = require('../colours.js');
const { withStorage } = require('../connection.js');
const { EXIT, mayPass } = require('../exit-codes.js');
const { hasReader, oneLine, print, printJson, printJsonLine, sayError } = require('../output.js');

/** @import { EventRecord, ListEventsOptions, PostgresStorageAdapter } from '../../../index.js' */
/** @import { GlobalOptions } from '../connection.js' */

/** How often `--follow` looks for further events, in milliseconds. */
const PAUSE = 1_000;
/** Events that are written together are not committed in the order of their times. */
const OVERLAP = 10_000;

/** @param {EventRecord} event */
function line({ timestamp, type, principalId, orgId, data }) {
  const { bold, dim } = coloursFor(process.stdout);
  const where = orgId === undefined ? '' : ` ${dim(oneLine(orgId))}`;
  const what = `${bold(oneLine(type))} ${oneLine(principalId)}${where} ${dim(oneLine(JSON.stringify(data)))}`;
  return `${dim(timestamp.toISOString())} ${what}`;
}

/**
 * @typedef {GlobalOptions & {
 *   principal?: string, org?: string, type?: string, from?: string, to?: string, limit?: number, follow?: boolean
 * }} EventsOptions
 */

/**
 * The newest events, the oldest of them first.
 *
 * @param {PostgresStorageAdapter} storage
 * @param {ListEventsOptions} filters
 * @param {number} most
 * @param {number} [span] with further ones that are up to so many milliseconds older than the newest
 */
async function newest(storage, filters, most, span = 0) {
  /** @type {EventRecord[]} */
  const events = [];
  for await (const event of storage.listEvents({ ...filters, limit: Math.min(most, 1_000) })) {
    events.push(event);
    const { timestamp } = events[0] ?? event;
    if (events.length >= most && timestamp.getTime() - event.timestamp.getTime() >= span) break;
  }
  return events.reverse();
}

/**
 * Prints what comes until the process is interrupted, or nobody reads it any more.
 *
 * @param {PostgresStorageAdapter} storage
 * @param {ListEventsOptions & { from: string | undefined, signal: AbortSignal }} filters
 * @param {EventRecord[]} known all that are in the overlap, printed or not
 * @param {(event: EventRecord) => void} show
 */
async function follow(storage, filters, known, show) {
  const seen = new Map(known.map(({ id, timestamp }) => [id, timestamp.getTime()]));
  // Before the first event any time may come: the clock of whoever emits it may be behind ours.
  let last = known.at(-1)?.timestamp.getTime() ?? -Infinity;
  let isAway = false;
  while (hasReader()) {
    await sleep(PAUSE, undefined, { signal: filters.signal });
    const start = last - OVERLAP;
    // The library reads more forms of times than `Date.parse` does.
    const isOwn = start === -Infinity || (filters.from && !(Date.parse(filters.from) <= start));
    const from = isOwn ? filters.from : new Date(start);
    try {
      for (const event of await newest(storage, { ...filters, from }, Number.MAX_SAFE_INTEGER)) {
        const time = event.timestamp.getTime();
        if (time < start || seen.has(event.id)) continue;
        show(event);
        seen.set(event.id, time);
        last = Math.max(last, time);
      }
      isAway = false;
    } catch (error) {
      if (!mayPass(error)) throw error;
      if (!isAway) sayError(error, false);
      isAway = true;
    }
    for (const [id, time] of seen) if (time < start) seen.delete(id);
  }
}

/** @param {EventsOptions} options */
async function events(options) {
  const { principal, org, type, from, to, limit = 50, json, follow: follows = false } = options;
  return withStorage(options, async (storage, signal) => {
    const filters = { principalId: principal, orgId: org, type, from, to, signal };
    const known = await newest(storage, filters, limit, follows ? OVERLAP : 0);
    const found = known.slice(-limit);
    if (json && !follows) {
      printJson(found);
      return EXIT.done;
    }
    // Of what never ends there is one JSON value a line.
    const show = (/** @type {EventRecord} */ event) => (json ? printJsonLine(event) : print(line(event)));
    found.forEach(show);
    if (follows) await follow(storage, filters, known, show);
    return EXIT.done;
  });
}

module.exports = { events };
