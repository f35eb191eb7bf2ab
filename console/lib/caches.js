/** What is asked for again within some seconds is not asked of the database again: counts, and the doctor's findings. */

/** @import { Settings } from './settings.js' */

const COUNTS_MS = 10_000;
const FINDINGS_MS = 30_000;
const TYPES_MS = 60_000;
const WEEK_MS = 7 * 86_400_000;

/**
 * @template T
 * @param {() => Promise<T>} load
 * @param {number} forMs
 */
function cached(load, forMs) {
  /** @type {{ at: number, value: Promise<T> } | undefined} */
  let kept;
  return () => {
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
}

/** @typedef {ReturnType<typeof makeCaches>} Caches */

/** @param {Settings} settings */
function makeCaches({ storage }) {
  return {
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
