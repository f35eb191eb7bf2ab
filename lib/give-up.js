/** Giving calls up: before they are made, and while the core works on them. */

const { clearTimeout, setTimeout } = require('node:timers');
const { onAbort } = require('./abort.js');
const { cancelled, unreadable } = require('./errors.js');

/**
 * @import { Core } from './core.js'
 * @import { Progress } from './types.js'
 */

/** @param {number} ms */
const gaveUpAfter = (ms) => `gave up after ${ms} ms`;

/**
 * The failure for a call that was given up before it was made, so that it must not be made.
 *
 * @param {AbortSignal | undefined} signal
 * @param {number | undefined} timeoutMs
 */
function givenUpBefore(signal, timeoutMs) {
  try {
    if (signal?.aborted) return cancelled('the signal had been aborted');
  } catch (error) {
    return unreadable('signal', error);
  }
  return timeoutMs === 0 ? cancelled(gaveUpAfter(0)) : undefined;
}

/**
 * Makes a call that can be given up. If it is, the core answers it at once, with an error.
 *
 * @param {Core} core
 * @param {() => number} start makes the call, and returns its id
 * @param {AbortSignal | undefined} signal
 * @param {number | undefined} timeoutMs
 * @param {Progress | undefined} observed
 * @returns {Promise<unknown>}
 */
function callUntilGivenUp(core, start, signal, timeoutMs, observed) {
  /** @type {number | undefined} */
  let id;
  const giveUp = (/** @type {string} */ reason) => {
    if (id !== undefined) core.native.giveUp(id, reason);
  };
  // This comes first because the signal is the application's and may throw. In that case the call is not made.
  const stopListening = signal && onAbort(signal, () => giveUp('the signal was aborted'));
  try {
    core.native.expectGiveUp();
    id = start();
  } finally {
    if (id === undefined) stopListening?.();
  }
  const pendingId = id;
  core.expectAnswer(pendingId, observed);
  const timer = timeoutMs === undefined ? undefined : setTimeout(giveUp, timeoutMs, gaveUpAfter(timeoutMs));
  return new Promise((resolve) => {
    core.pending.add(pendingId, (outcome) => {
      clearTimeout(timer);
      stopListening?.();
      resolve(outcome);
    });
  });
}

module.exports = { callUntilGivenUp, givenUpBefore };
