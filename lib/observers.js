/** Calls that somebody observes: through `node:diagnostics_channel`, or by an observer of this adapter. */

const diagnostics = require('node:diagnostics_channel');

/**
 * @import { Core } from './core.js'
 * @import { MethodName, ObservedCall, Observer } from './types.js'
 */

/** @typedef {import('node:diagnostics_channel').TracingChannel<ObservedCall, ObservedCall>} Channel */

const EVENTS = /** @type {const} */ (['start', 'end', 'asyncStart', 'asyncEnd', 'error']);

/** A channel for each method, from its first call on. @type {Map<MethodName, Channel>} */
const channels = new Map();

/**
 * @param {MethodName} name
 * @returns {Channel | undefined} none in versions of Node that lack tracing channels, before 18.19
 */
function channelOf(name) {
  if (diagnostics.tracingChannel === undefined) return undefined;
  let channel = channels.get(name);
  if (channel === undefined) {
    channel = diagnostics.tracingChannel(`auth-postgres:${name}`);
    channels.set(name, channel);
  }
  return channel;
}

/**
 * The observers of the next call of a method, the outermost first. If there are none, this takes some nanoseconds.
 *
 * @param {Core} core
 * @param {MethodName} name
 * @returns {readonly Observer[] | undefined}
 */
function observersOf(core, name) {
  const channel = channelOf(name);
  if (channel === undefined || !EVENTS.some((event) => channel[event].hasSubscribers)) {
    return core.observation.observers.length > 0 ? core.observation.observers : undefined;
  }
  return [publishTo(channel), ...core.observation.observers];
}

/**
 * Publishes what Node's `tracePromise` does, but not the result, which may hold secrets.
 *
 * @param {Channel} channel
 * @returns {Observer}
 */
function publishTo(channel) {
  return async (call, next) => {
    try {
      await channel.start.runStores(call, () => {
        try {
          return next();
        } finally {
          channel.end.publish(call);
        }
      });
    } catch (error) {
      call.error = error;
      channel.error.publish(call);
      throw error;
    } finally {
      channel.asyncStart.publish(call);
      channel.asyncEnd.publish(call);
    }
  };
}

/**
 * Makes a call with its observers around it.
 *
 * @template T
 * @param {Core} core
 * @param {MethodName} name
 * @param {readonly Observer[]} observers
 * @param {(call: ObservedCall) => Promise<T>} work
 * @returns {Promise<T>}
 */
async function observe(core, name, observers, work) {
  const { observation } = core;
  observation.start(core.native);
  /** @type {ObservedCall} */
  const call = { operation: name, server: serverOf(core), attempts: 0, rows: undefined };
  /** @type {T | undefined} */
  let result;
  let next = async () => {
    try {
      result = await work(call);
      call.rows = rowsOf(result);
    } catch (error) {
      const { context } = /** @type {import('../index.js').InternalError} */ (error);
      call.attempts = context.attempts ?? call.attempts;
      throw error;
    } finally {
      observation.remove(call);
    }
  };
  for (const observer of [...observers].reverse()) {
    const inner = next;
    next = () => observer(call, inner);
  }
  await next();
  return /** @type {T} */ (result);
}

/**
 * Where connections lead to.
 *
 * @param {Core} core
 * @returns {ObservedCall['server']}
 */
function serverOf(core) {
  const [address, port, database] = JSON.parse(core.native.server());
  return { address, port, database: database ?? undefined };
}

/**
 * How many records a result holds, or how many rows were counted. `undefined` where a method returns nothing.
 *
 * @param {unknown} result
 */
function rowsOf(result) {
  if (result === undefined || typeof result === 'number') return result;
  if (result === null) return 0;
  return Array.isArray(result) ? result.length : 1;
}

module.exports = { observe, observersOf, serverOf };
