const { setTimeout: sleep } = require('node:timers/promises');
const { coloursFor } = require('../colours.js');
const { withStorage } = require('../connection.js');
const { EXIT } = require('../exit-codes.js');
const { hasReader, oneLine, print, printJson, printJsonLine } = require('../output.js');

/** @import { EventRecord, PostgresStorageAdapter } from '../../../index.js' */
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
 * @param {Parameters<PostgresStorageAdapter['listEvents']>[0]} filters
 * @param {number} most
 */
async function newest(storage, filters, most) {
  const events = [];
  for await (const event of storage.listEvents({ ...filters, limit: Math.min(most, 1_000) })) {
    events.push(event);
    if (events.length === most) break;
  }
  return events.reverse();
}

/**
 * Prints what comes until the process is interrupted, or nobody reads it any more.
 *
 * @param {PostgresStorageAdapter} storage
 * @param {object} filters
 * @param {EventRecord[]} printed
 * @param {(event: EventRecord) => void} show
 */
async function follow(storage, filters, printed, show) {
  const seen = new Map(printed.map(({ id, timestamp }) => [id, timestamp.getTime()]));
  let last = printed.at(-1)?.timestamp.getTime() ?? Date.now();
  while (hasReader()) {
    await sleep(PAUSE);
    const from = last - OVERLAP;
    for (const event of await newest(storage, { ...filters, from: new Date(from) }, Number.MAX_SAFE_INTEGER)) {
      if (seen.has(event.id)) continue;
      show(event);
      seen.set(event.id, event.timestamp.getTime());
      last = Math.max(last, event.timestamp.getTime());
    }
    for (const [id, time] of seen) if (time < from) seen.delete(id);
  }
}

/** @param {EventsOptions} options */
async function events(options) {
  const { principal, org, type, from, to, limit = 50, json, follow: follows = false } = options;
  return withStorage(options, async (storage, signal) => {
    const filters = { principalId: principal, orgId: org, type, from, to, signal };
    const found = await newest(storage, filters, limit);
    if (json && !follows) {
      printJson(found);
      return EXIT.done;
    }
    // Of what never ends there is one JSON value a line.
    const show = (/** @type {EventRecord} */ event) => (json ? printJsonLine(event) : print(line(event)));
    found.forEach(show);
    if (follows) await follow(storage, filters, found, show);
    return EXIT.done;
  });
}

module.exports = { events };
