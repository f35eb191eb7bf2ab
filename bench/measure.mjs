/** One round: calls for so long, and what they cost. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

/** Node's timers fire at whole milliseconds; what is above that is delay. */
const RESOLUTION_MS = 1;

/**
 * @typedef {object} Round
 * @property {number} rate calls per second
 * @property {number} calls
 * @property {number} p50 milliseconds, as the other times
 * @property {number} p99
 * @property {number} p999
 * @property {number} cpu microseconds of this process for a call, all threads
 * @property {number} loopP50 event-loop delay
 * @property {number} loopP99
 * @property {number} rss MiB
 */

/**
 * So many calls in flight, each followed by the next.
 *
 * @param {() => PromiseLike<unknown>} call
 * @param {{inFlight: number, ms: number}} load
 * @returns {Promise<Round>}
 */
export function measure(call, { inFlight, ms }) {
  return observe(async (latencies) => {
    const end = performance.now() + ms;
    await Promise.all(
      Array.from({ length: inFlight }, async () => {
        let now = performance.now();
        while (now < end) {
          await call();
          const done = performance.now();
          latencies.add(done - now);
          now = done;
        }
      }),
    );
  });
}

/**
 * So many calls a second, whatever becomes of them: each millisecond those that are due.
 *
 * @param {() => PromiseLike<unknown>} call
 * @param {{perSecond: number, ms: number}} load
 * @returns {Promise<Round>}
 */
export function measurePaced(call, { perSecond, ms }) {
  return observe(async (latencies) => {
    const one = async () => {
      const made = performance.now();
      await call();
      latencies.add(performance.now() - made);
    };
    const started = performance.now();
    /** The latest one: who kept them all would measure the collection of garbage. */
    let last;
    for (let elapsed = 0, count = 0; elapsed < ms; elapsed = performance.now() - started) {
      await sleep(RESOLUTION_MS);
      for (; count < (elapsed / 1000) * perSecond; count += 1) last = one();
    }
    await last;
  });
}

/** @param {(latencies: Samples) => Promise<void>} load @returns {Promise<Round>} */
async function observe(load) {
  const latencies = new Samples();
  const loop = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  const cpu = process.cpuUsage();
  const started = performance.now();
  loop.enable();
  await load(latencies);
  const elapsed = performance.now() - started;
  loop.disable();
  const { user, system } = process.cpuUsage(cpu);
  const delay = (/** @type {number} */ percentile) => Math.max(0, loop.percentile(percentile) / 1e6 - RESOLUTION_MS);
  const calls = latencies.count;
  const [p50, p99, p999] = latencies.percentiles(0.5, 0.99, 0.999);
  return {
    ...{ rate: calls / (elapsed / 1000), calls },
    ...{ p50: p50 ?? 0, p99: p99 ?? 0, p999: p999 ?? 0 },
    cpu: (user + system) / calls,
    ...{ loopP50: delay(50), loopP99: delay(99) },
    rss: process.memoryUsage.rss() / 2 ** 20,
  };
}

class Samples {
  values = new Float64Array(1 << 16);
  count = 0;

  /** @param {number} value */
  add(value) {
    if (this.count === this.values.length) {
      const grown = new Float64Array(this.count * 2);
      grown.set(this.values);
      this.values = grown;
    }
    this.values[this.count] = value;
    this.count += 1;
  }

  /** @param {number[]} shares */
  percentiles(...shares) {
    const sorted = this.values.slice(0, this.count).sort();
    return shares.map((share) => sorted[Math.min(this.count - 1, Math.floor(this.count * share))] ?? 0);
  }
}

/** @param {number[]} numbers */
export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}
