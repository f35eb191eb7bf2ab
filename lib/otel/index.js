/**
 * OpenTelemetry for an adapter: `@kitiumai/auth-postgres/otel`. Names and attributes are those of OpenTelemetry's semantic
 * conventions for database clients. No argument, result or other value of the application's is ever recorded.
 */

const { findCore } = require('../call.js');
const { Core } = require('../core.js');
const { observeMetrics } = require('./metrics.js');
const { traceCalls } = require('./spans.js');

/** @import { InstrumentOptions } from './index.js' */

/** @typedef {typeof import('@opentelemetry/api')} Api */

/** @returns {Api} */
function findApi() {
  try {
    return /** @type {Api} */ (/** @type {unknown} */ (require('@opentelemetry/api')));
  } catch (error) {
    throw new Error('@kitiumai/auth-postgres/otel needs @opentelemetry/api: install it beside this package', {
      cause: error,
    });
  }
}

const api = findApi();
const { name, version } = require('../../package.json');

/** @param {import('../../index.js').PostgresStorageAdapter} given */
function notOurs(given) {
  const isCopy = given?.constructor?.name === 'PostgresStorageAdapter';
  return new TypeError(
    isCopy
      ? 'instrument() was given an adapter of another copy of @kitiumai/auth-postgres, one that a bundler has made for example: exclude the package from the bundle'
      : 'instrument() takes a PostgresStorageAdapter',
  );
}

/**
 * @param {import('../../index.js').PostgresStorageAdapter} storage
 * @param {InstrumentOptions} [options]
 * @returns {() => void}
 */
function instrument(storage, { tracerProvider = api.trace, meterProvider = api.metrics } = {}) {
  const core = findCore(storage);
  if (!(core instanceof Core)) throw notOurs(storage);
  const tracer = tracerProvider.getTracer(name, version);
  const meter = meterProvider.getMeter(name, version);
  const { observation } = core;
  observation.start(core.native);
  const metrics = observeMetrics(meter, core);
  const observer = traceCalls(api, tracer, metrics.recordCall);
  observation.observers = [...observation.observers, observer];
  return () => {
    observation.observers = observation.observers.filter((each) => each !== observer);
    metrics.stop();
  };
}

module.exports = { instrument };
