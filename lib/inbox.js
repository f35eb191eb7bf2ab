/** Hands the core's answers to the calls that wait for them. */

const { setImmediate } = require('node:timers');
const { Failure } = require('./errors.js');
const keepAlive = require('./keep-alive.js');

/**
 * @import { PendingCalls } from './pending-calls.js'
 * @import { CoreEvent, ErrorFields, RunInContext } from './types.js'
 */

/** Only so many calls are settled in one tick of the event loop, so that timers and sockets get their share of time. */
const RESULTS_PER_TICK = 16;

class Inbox {
  /**
   * @param {PendingCalls} pending
   * @param {Map<number, RunInContext> | undefined} contexts
   * @param {(event: CoreEvent) => void} onEvent gets what is not a result, in its place among the results
   * @param {() => void} onManySettled runs before the callers do, when they are likely to make many calls at once
   */
  constructor(pending, contexts, onEvent, onManySettled) {
    this.pending = pending;
    this.contexts = contexts;
    this.onEvent = onEvent;
    this.onManySettled = onManySettled;
    /** @type {string[]} */
    this.chunks = [];
    /** @type {unknown[]} */
    this.entries = [];
    this.at = 0;
    this.settledInTick = 0;
    this.isScheduled = false;
  }

  /**
   * Takes what has come out of the core. This may happen several times in one tick.
   *
   * @param {string[]} chunks
   */
  take(chunks) {
    for (const chunk of chunks) this.chunks.push(chunk);
    if (!this.isScheduled) this.settle();
  }

  /** Settles as many calls as a tick may, in the order of the core's answers, and leaves the others to the next tick. */
  settle({ isNextTick = false } = {}) {
    if (isNextTick) this.settledInTick = 0;
    const before = this.settledInTick;
    while (this.settledInTick < RESULTS_PER_TICK && this.hasEntry()) {
      const id = /** @type {number} */ (this.entries[this.at]);
      const value = this.entries[this.at + 1];
      this.at += 2;
      if (id === 0) this.onEvent(/** @type {CoreEvent} */ (value));
      else this.settledInTick += this.answer(id, value);
    }
    this.isScheduled = this.settledInTick >= RESULTS_PER_TICK;
    if (this.isScheduled) setImmediate(() => this.settle({ isNextTick: true }));
    const settled = this.settledInTick - before;
    if (settled > 0) keepAlive.unref(settled);
    if (settled > 1 || isNextTick) this.onManySettled();
  }

  /** A chunk is a JSON array of pairs: `id, result`, or `-id, error`, or `0, event`. */
  hasEntry() {
    if (this.at < this.entries.length) return true;
    const chunk = this.chunks.shift();
    this.entries = chunk === undefined ? [] : JSON.parse(chunk);
    this.at = 0;
    return chunk !== undefined;
  }

  /**
   * @param {number} id
   * @param {unknown} value
   * @returns {number} how many calls it has settled: one, or none if nobody waits for that id
   */
  answer(id, value) {
    const resolve = this.pending.take(Math.abs(id));
    if (resolve === undefined) return 0;
    this.contexts?.delete(Math.abs(id));
    resolve(id > 0 ? value : new Failure(/** @type {ErrorFields} */ (value)));
    return 1;
  }
}

module.exports = { Inbox };
