/** What one adapter keeps for those who observe it. */

/**
 * @import { NativeAdapter, ObservedCall, Observer } from './types.js'
 */

class Observation {
  /** @param {Observer[]} observers */
  constructor(observers) {
    this.observers = observers;
    /** @type {Map<number, ObservedCall>} the pending calls that are observed, by their ids */
    this.calls = new Map();
    this.hasStarted = false;
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
   * @param {ObservedCall | undefined} call
   */
  add(id, call) {
    if (call === undefined) return;
    call.id = id;
    call.attempts = 1;
    this.calls.set(id, call);
  }

  /** @param {ObservedCall} call */
  remove({ id }) {
    if (id !== undefined) this.calls.delete(id);
  }
}

// TypeScript knows a class as a type, too, only if it is exported in this way.
exports.Observation = Observation;
