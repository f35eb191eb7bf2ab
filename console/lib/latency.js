/** How long calls took, from the histograms of `stats()`. */

/** @import { HistogramStats, Stats } from '@kitiumai/auth-postgres' */

/**
 * The value in milliseconds below which a share of the calls is; between the bounds of a bucket it is taken to be even.
 *
 * @param {HistogramStats} histogram
 * @param {number} share from 0 to 1
 */
function quantile({ count, buckets }, share) {
  if (count === 0) return 0;
  const wanted = share * count;
  let below = { le: 0, count: 0 };
  for (const bucket of buckets) {
    if (bucket.count >= wanted) {
      const inside = bucket.count - below.count;
      const part = inside === 0 ? 0 : (wanted - below.count) / inside;
      return (below.le + (bucket.le - below.le) * part) * 1_000;
    }
    below = bucket;
  }
  return below.le * 1_000;
}

/**
 * @param {Stats} stats
 * @param {number} most
 */
function busiestMethods({ calls }, most) {
  return Object.entries(calls)
    .map(([name, { durationSeconds, errors }]) => ({
      name,
      count: durationSeconds.count,
      errors: Object.values(errors).reduce((total, each) => total + each, 0),
      median: quantile(durationSeconds, 0.5),
      slow: quantile(durationSeconds, 0.99),
    }))
    .filter(({ count }) => count > 0)
    .sort((one, other) => other.count - one.count)
    .slice(0, most);
}

module.exports = { busiestMethods, quantile };
