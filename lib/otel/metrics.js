/** The metrics of an adapter's connections, and the histogram of its calls' durations. */

const { serverOf } = require('../observers.js');

/**
 * @import { Attributes, Meter } from '@opentelemetry/api'
 * @import { Core } from '../core.js'
 */

/** @typedef {(seconds: number, attributes: Attributes) => void} RecordCall a call has ended */

/** The buckets of the semantic conventions, in seconds. */
const SECONDS = { unit: 's', advice: { explicitBucketBoundaries: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10] } };

/** The core keeps some thousands of times of connections. They are fetched after so many calls, should no collection come before. */
const FETCH_AFTER = 1_000;

/**
 * @param {Meter} meter
 * @param {Core} core
 * @returns {{ recordCall: RecordCall, stop: () => void }}
 */
function observeMetrics(meter, core) {
  const { address, port, database } = serverOf(core);
  // It stays the same, whichever host connections lead to later.
  const pool = { 'db.client.connection.pool.name': `${address}:${port}/${database ?? ''}` };
  const gauge = (/** @type {string} */ name, /** @type {string} */ unit, /** @type {string} */ description) =>
    meter.createObservableUpDownCounter(`db.client.connection.${name}`, { unit, description });
  const count = gauge('count', '{connection}', 'The connections that are idle, and those that are used.');
  const max = gauge('max', '{connection}', 'The most connections that there may be.');
  const idleMax = gauge('idle.max', '{connection}', 'The most connections that may be idle.');
  const idleMin = gauge('idle.min', '{connection}', 'The connections that are kept open when they are idle.');
  const pending = gauge('pending_requests', '{request}', 'The calls that wait for a connection.');
  const timeouts = meter.createObservableCounter('db.client.connection.timeouts', {
    ...{ unit: '{timeout}', description: 'The calls that have waited for a connection for too long.' },
  });
  const times = {
    create: meter.createHistogram('db.client.connection.create_time', SECONDS),
    wait: meter.createHistogram('db.client.connection.wait_time', SECONDS),
    use: meter.createHistogram('db.client.connection.use_time', SECONDS),
  };
  const instruments = [count, max, idleMax, idleMin, pending, timeouts];

  /** @param {import('@opentelemetry/api').BatchObservableResult} result */
  const observe = (result) => {
    /** @type {import('../../index.js').Stats} */
    const { connections, calls } = JSON.parse(core.native.stats());
    result.observe(count, connections.idle, { ...pool, 'db.client.connection.state': 'idle' });
    result.observe(count, connections.used, { ...pool, 'db.client.connection.state': 'used' });
    result.observe(max, connections.max, pool);
    result.observe(idleMax, connections.max, pool);
    result.observe(idleMin, connections.min, pool);
    result.observe(pending, connections.waiting, pool);
    const timedOut = Object.values(calls).map(({ errors }) => errors['auth_postgres/pool_timeout'] ?? 0);
    result.observe(
      timeouts,
      timedOut.reduce((sum, each) => sum + each, 0),
      pool,
    );
    core.observation.tellTimes(core.native);
  };
  const recordTimes = (/** @type {Record<string, number[]>} */ taken) => {
    for (const [name, histogram] of Object.entries(times)) {
      for (const seconds of taken[name] ?? []) histogram.record(seconds, pool);
    }
  };
  // Those from before are nobody's.
  if (core.observation.timed.size === 0) core.observation.tellTimes(core.native);
  core.observation.timed.add(recordTimes);
  meter.addBatchObservableCallback(observe, instruments);
  const duration = meter.createHistogram('db.client.operation.duration', {
    ...SECONDS,
    description: 'How long the calls took, their retries included.',
  });
  let sinceFetched = 0;
  return {
    recordCall: (seconds, attributes) => {
      duration.record(seconds, attributes);
      sinceFetched = (sinceFetched + 1) % FETCH_AFTER;
      if (sinceFetched === 0) core.observation.tellTimes(core.native);
    },
    stop: () => {
      core.observation.timed.delete(recordTimes);
      meter.removeBatchObservableCallback(observe, instruments);
    },
  };
}

module.exports = { observeMetrics };
