/** What is asked for again within some seconds is not asked of the database again: counts, and the doctor's findings. */

const { countSignIns, RANGES } = require('./sign-ins.js');

/** @import { Settings } from './settings.js' */

const COUNTS_MS = 15_000;
const FINDINGS_MS = 30_000;
const TYPES_MS = 300_000;

/**
 * @template T
 * @param {() => Promise<T>} load
 * @param {number} forMs
 * @returns {(() => Promise<T>) & { forget: () => void }}
 */
function cached(load, forMs) {
  /** @type {{ at: number, value: Promise<T> } | undefined} */
  let kept;
  const get = () => {
    if (kept === undefined || Date.now() - kept.at > forMs) {
      const entry = { at: Date.now(), value: load() };
      kept = entry;
      // A failure is not kept.
      entry.value.catch(() => {
        if (kept === entry) kept = undefined;
      });
    }
    return kept.value;
  };
  const forget = () => {
    kept = undefined;
  };
  return Object.assign(get, { forget });
}

/**
 * What could not be counted in time is `undefined`, and is not tried again for as long as a count is kept.
 *
 * @template T
 * @param {() => Promise<T>} count
 * @returns {() => Promise<T | undefined>}
 */
function inTime(count) {
  return async () => {
    try {
      return await count();
    } catch (error) {
      if (/** @type {{ code?: string }} */ (error).code !== 'auth_postgres/statement_timeout') throw error;
      return undefined;
    }
  };
}

/** @typedef {ReturnType<typeof makeCaches>} Caches */

/** @param {Settings} settings */
function makeCaches({ storage, events }) {
  const signIns = Object.entries(RANGES).map(([name, range]) => {
    const count = inTime(() => countSignIns(storage, events, range));
    return /** @type {const} */ ([name, cached(count, COUNTS_MS)]);
  });
  return {
    /** By the names of the ranges. */
    signIns: new Map(signIns),
    records: cached(
      inTime(() => storage.countRecords()),
      COUNTS_MS,
    ),
    diagnosis: cached(async () => ({ findings: await storage.diagnose(), at: new Date() }), FINDINGS_MS),
    /** The types of events of the last day. */
    eventTypes: cached(
      inTime(async () => {
        const counts = await storage.countEvents({ step: 'day' });
        return [...new Set(counts.map(({ type }) => type))].sort();
      }),
      TYPES_MS,
    ),
  };
}

module.exports = { makeCaches };
