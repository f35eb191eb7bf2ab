/** How many sign-ins and failures there were over time. */

/** @import { PostgresStorageAdapter } from '@kitiumai/auth-postgres' */
/** @import { Settings } from './settings.js' */

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/**
 * @typedef {object} Range
 * @property {string} label
 * @property {'hour' | 'day'} step
 * @property {number} count how many steps
 */

/** @type {Record<string, Range>} */
const RANGES = {
  day: { label: '24 hours', step: 'hour', count: 24 },
  week: { label: '7 days', step: 'day', count: 7 },
  month: { label: '30 days', step: 'day', count: 30 },
};

/**
 * @param {string | undefined} name
 * @returns {string} the name of a range that there is
 */
function rangeName(name) {
  return name !== undefined && Object.hasOwn(RANGES, name) ? name : 'day';
}

/**
 * A bucket for each step up to now, also for those without events.
 *
 * @param {PostgresStorageAdapter} storage
 * @param {Settings['events']} types
 * @param {Range} range
 * @returns {Promise<import('./html/charts.js').Bucket[]>}
 */
async function countSignIns(storage, { signIn, failure }, { step, count }) {
  const length = step === 'hour' ? HOUR : DAY;
  const first = Math.floor(Date.now() / length) * length - (count - 1) * length;
  const types = [...signIn, ...failure];
  const counts = types.length === 0 ? [] : await storage.countEvents({ from: new Date(first), step, types });
  const buckets = Array.from({ length: count }, (_, index) => {
    const start = new Date(first + index * length);
    return { ...labelsOf(start, step), values: [0, 0] };
  });
  for (const { start, type, count: events } of counts) {
    const values = buckets[Math.round((start.getTime() - first) / length)]?.values;
    const series = signIn.includes(type) ? 0 : 1;
    if (values) values[series] = (values[series] ?? 0) + events;
  }
  return buckets;
}

/**
 * @param {Date} start
 * @param {'hour' | 'day'} step
 */
function labelsOf(start, step) {
  const day = start.toLocaleDateString('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' });
  const hour = `${start.toISOString().slice(11, 13)}:00`;
  return step === 'hour' ? { label: hour, title: `${day}, ${hour}` } : { label: day, title: day };
}

module.exports = { countSignIns, rangeName, RANGES };
