/** What one adapter keeps for those who observe it. */

/**
 * @import { NativeAdapter, Observer, Progress } from './types.js'
 */

class Observation {
  /** @param {Observer[]} observers */
  constructor(observers) {
    this.observers = observers;
    /** @type {Map<number, Progress>} of the pending calls that are observed, by their ids */
    this.calls = new Map();
    this.hasStarted = false;
    /** @type {Set<(times: Record<string, number[]>) => void>} those who are told how long single connections took */
    this.timed = new Set();
  }

  /** From now on the core keeps what only observers ask for. @param {NativeAdapter} native */
  start(native) {
    if (this.hasStarted) return;
    this.hasStarted = true;
    native.observe();
  }

  /**
   * The core has taken the call.
   *
   * @param {number} id
   * @param {Progress | undefined} progress
   */
  add(id, progress) {
    if (progress === undefined) return;
    progress.id = id;
    progress.attempts = 1;
    this.calls.set(id, progress);
  }

  /** @param {Progress} progress */
  remove({ id }) {
    if (id !== undefined) this.calls.delete(id);
  }

  /** Hands the times of connections out: the core gives each of them once. @param {NativeAdapter} native */
  tellTimes(native) {
    const times = JSON.parse(native.takeConnectionTimes());
    for (const tell of this.timed) tell(times);
  }
}

// TypeScript knows a class as a type, too, only if it is exported in this way.
exports.Observation = Observation;
