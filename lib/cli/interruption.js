/** Ctrl-C, and what else asks a process to end. */

const { Interrupted } = require('./exit-codes.js');

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * Gives the work a signal that is aborted by Ctrl-C. Whatever the work comes to then, it counts as interrupted. A second
 * Ctrl-C ends the process at once.
 *
 * @template T
 * @param {(signal: AbortSignal) => Promise<T>} work
 * @returns {Promise<T>}
 */
async function interruptible(work) {
  const controller = new AbortController();
  const { signal } = controller;
  const interrupt = () => controller.abort();
  for (const name of SIGNALS) process.once(name, interrupt);
  try {
    const result = await work(signal);
    if (!signal.aborted) return result;
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    for (const name of SIGNALS) process.removeListener(name, interrupt);
  }
  throw new Interrupted();
}

module.exports = { interruptible, SIGNALS };
