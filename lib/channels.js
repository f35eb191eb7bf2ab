/** The tracing channels of `node:diagnostics_channel`, one for each method. */

const diagnostics = require('node:diagnostics_channel');

/**
 * @import { ObservedCall, ObservedName, Observer } from './types.js'
 */

/** @typedef {import('node:diagnostics_channel').TracingChannel<ObservedCall, ObservedCall>} Channel */

const EVENTS = /** @type {const} */ (['start', 'end', 'asyncStart', 'asyncEnd', 'error']);

/** A channel for each method, from its first call on. @type {Map<ObservedName, Channel>} */
const channels = new Map();

/**
 * @param {ObservedName} name
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

/** @param {Channel} channel */
const hasSubscribers = (channel) => EVENTS.some((event) => channel[event].hasSubscribers);

/**
 * Publishes what Node's `tracePromise` does, in the same async contexts, but not the result, which may hold secrets.
 *
 * @param {Channel} channel
 * @returns {Observer}
 */
function publishTo(channel) {
  return (call, next) => {
    const publish = async () => {
      try {
        await next();
      } catch (error) {
        tell(call, { error });
        channel.error.publish(call);
        throw error;
      } finally {
        channel.asyncStart.publish(call);
        channel.asyncEnd.publish(call);
      }
    };
    return channel.start.runStores(call, () => {
      try {
        return publish();
      } finally {
        channel.end.publish(call);
      }
    });
  };
}

/**
 * An observer may have made the message unchangeable.
 *
 * @param {ObservedCall} call
 * @param {Partial<ObservedCall>} news
 */
function tell(call, news) {
  for (const [name, value] of Object.entries(news)) Reflect.set(call, name, value);
}

module.exports = { channelOf, hasSubscribers, publishTo, tell };
