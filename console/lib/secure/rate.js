/** How many requests an operator may send: a bucket for each name, which fills up again by and by. */

const MOST_OPERATORS = 10_000;
const MINUTE = 60_000;

/**
 * @param {number} perMinute
 * @param {() => number} [now] in milliseconds
 */
function makeRateLimit(perMinute, now = Date.now) {
  /** @type {Map<string, { left: number, at: number }>} */
  const buckets = new Map();

  /**
   * Takes one request of an operator. Gives 0 if it is allowed, and else in how many seconds the next one is.
   *
   * @param {string} name
   */
  return function take(name) {
    const at = now();
    const bucket = buckets.get(name) ?? { left: perMinute, at };
    const left = Math.min(perMinute, bucket.left + ((at - bucket.at) * perMinute) / MINUTE);
    const isAllowed = left >= 1;
    // The names that were used last are at the end.
    buckets.delete(name);
    buckets.set(name, { left: isAllowed ? left - 1 : left, at });
    if (buckets.size > MOST_OPERATORS) buckets.delete(/** @type {string} */ (buckets.keys().next().value));
    return isAllowed ? 0 : Math.ceil(((1 - left) * MINUTE) / perMinute / 1_000);
  };
}

module.exports = { makeRateLimit };
