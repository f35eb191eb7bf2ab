/** Listens to AbortSignals. */

const { invalidInput } = require('./errors.js');

/**
 * What to call when a signal is aborted. Each signal gets one listener for all of its calls, because Node warns of a leak
 * when there are more than ten.
 *
 * @type {WeakMap<AbortSignal, { callbacks: Set<() => void>, listener: () => void }>}
 */
const listening = new WeakMap();

/**
 * Calls back when the signal is aborted; at once if it has been, because it will not say so again.
 *
 * @param {AbortSignal} signal
 * @param {() => void} callback
 * @returns {() => void} stops that
 */
function onAbort(signal, callback) {
  let entry = listening.get(signal);
  if (entry === undefined) {
    /** @type {Set<() => void>} */
    const callbacks = new Set();
    const listener = () => {
      for (const each of callbacks) each();
    };
    entry = { callbacks, listener };
    listening.set(signal, entry);
  }
  const { callbacks, listener } = entry;
  let isAborted = false;
  try {
    if (callbacks.size === 0) signal.addEventListener('abort', listener);
    isAborted = signal.aborted;
  } catch {
    throw invalidInput('signal', 'cannot be listened to');
  }
  callbacks.add(callback);
  if (isAborted) callback();
  return () => {
    callbacks.delete(callback);
    try {
      if (callbacks.size === 0) signal.removeEventListener('abort', listener);
    } catch {
      // A listener without callbacks does nothing, and this call must still settle.
    }
  };
}

module.exports = { onAbort };
