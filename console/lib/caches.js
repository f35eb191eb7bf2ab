/** What is asked for again within some seconds is not asked of the database again: counts, and the doctor's findings. */

const { countSignIns, RANGES } = require('./sign-ins.js');

/** @import { Settings } from './settings.js' */

const COUNTS_MS = 15_000;
const FINDINGS_MS = 30_000;
const TYPES_MS = 60_000;
const WEEK_MS = 7 * 86_400_000;

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

/** @typedef {ReturnType<typeof makeCaches>} Caches */

/** @param {Settings} settings */
function makeCaches({ storage, events }) {
  const signIns = Object.entries(RANGES).map(
    ([name, range]) => /** @type {const} */ ([name, cached(() => countSignIns(storage, events, range), COUNTS_MS)]),
  );
  return {
    /** By the names of the ranges. */
    signIns: new Map(signIns),
    records: cached(() => storage.countRecords(), COUNTS_MS),
    diagnosis: cached(async () => ({ findings: await storage.diagnose(), at: new Date() }), FINDINGS_MS),
    /** The types of events of the last seven days. */
    eventTypes: cached(async () => {
      const counts = await storage.countEvents({ from: new Date(Date.now() - WEEK_MS), step: 'day' });
      return [...new Set(counts.map(({ type }) => type))].sort();
    }, TYPES_MS),
  };
}

module.exports = { cached, makeCaches };
