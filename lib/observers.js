/** Calls that somebody observes: through `node:diagnostics_channel`, or by an observer of this adapter. */

const { channelOf, hasSubscribers, publishTo, tell } = require('./channels.js');
const { METHODS } = require('./methods.js');
const { messageOf } = require('./text.js');

/**
 * @import { Core } from './core.js'
 * @import { ObservedCall, ObservedName, Observer, Progress } from './types.js'
 */

/**
 * The observers of the next call of a method, the outermost first. If there are none, this takes some nanoseconds.
 *
 * @param {Core} core
 * @param {ObservedName} name
 * @returns {readonly Observer[] | undefined}
 */
function observersOf(core, name) {
  const channel = channelOf(name);
  if (channel === undefined || !hasSubscribers(channel)) {
    return core.observation.observers.length > 0 ? core.observation.observers : undefined;
  }
  return [publishTo(channel), ...core.observation.observers];
}

/**
 * Makes a call with its observers around it.
 *
 * @template T
 * @param {Core} core
 * @param {ObservedName} name
 * @param {readonly Observer[]} observers
 * @param {(progress: Progress) => Promise<T>} work
 * @returns {Promise<T>}
 */
async function observe(core, name, observers, work) {
  const { observation } = core;
  observation.start(core.native);
  /** @type {ObservedCall} */
  const call = { operation: name, server: serverOf(core), attempts: 0, rows: undefined };
  /** @type {Progress} */
  const progress = { id: undefined, attempts: 0 };
  /** @type {T | undefined} */
  let result;
  let next = async () => {
    try {
      result = await work(progress);
      tell(call, { rows: rowsOf(name, result) });
    } finally {
      observation.remove(progress);
      tell(call, { attempts: progress.attempts });
    }
  };
  for (const observer of [...observers].reverse()) {
    const inner = next;
    next = () => around(observer, call, inner);
  }
  await next();
  return /** @type {T} */ (result);
}

/**
 * An observer that throws changes nothing: the call is made, and what it comes to is what `inner` comes to.
 *
 * @param {Observer} observer
 * @param {ObservedCall} call
 * @param {() => Promise<void>} inner
 */
async function around(observer, call, inner) {
  /** @type {Promise<void> | undefined} */
  let made;
  const next = () => {
    made ??= inner();
    return made;
  };
  const thrown = await caught(() => observer(call, next));
  const own = await caught(next);
  if (thrown !== undefined && thrown.error !== own?.error) {
    process.emitWarning(`what observes the calls threw: ${messageOf(thrown.error)}`, 'AuthPostgresWarning');
  }
  return next();
}

/** @param {() => Promise<void>} work */
async function caught(work) {
  try {
    await work();
    return undefined;
  } catch (error) {
    return { error };
  }
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
 * How many records a result holds, or how many rows were deleted. `undefined` where nothing is returned, and for what the
 * function of a transaction returns.
 *
 * @param {ObservedName} name
 * @param {unknown} result
 */
function rowsOf(name, result) {
  if (result === undefined || name === 'transaction') return undefined;
  if (typeof result === 'number') return name.startsWith('delete') ? result : 1;
  if (result === null) return 0;
  const records = METHODS[name].isList ? /** @type {{ items: unknown[] }} */ (result).items : result;
  return Array.isArray(records) ? records.length : 1;
}

module.exports = { observe, observersOf, serverOf };
