/** Makes calls to the native core, and gives them up. */

const { clearTimeout, setTimeout } = require('node:timers');
const native = require('../native.js');
const { onAbort } = require('./abort.js');
const { captureContext, eventHandler } = require('./callbacks.js');
const { readEnvironment } = require('./environment.js');
const { cancelled } = require('./errors.js');
const { Inbox } = require('./inbox.js');
const keepAlive = require('./keep-alive.js');
const { LIFECYCLE } = require('./lifecycle.js');
const { Observation } = require('./observation.js');
const { PendingCalls } = require('./pending-calls.js');

/**
 * @import { ReadOptions } from './options.js'
 * @import { CallName, CheckedCallOptions, Encoded, ObservedCall, RunInContext } from './types.js'
 */

/** @param {number} ms */
const gaveUpAfter = (ms) => `gave up after ${ms} ms`;

/** One adapter's native half, and the calls that wait for it. */
class Core {
  /**
   * @param {string} connectionString
   * @param {ReadOptions} options
   */
  constructor(connectionString, { logger, password, json, holdsOpen, queryTimeoutMs, observers }) {
    this.queryTimeoutMs = queryTimeoutMs;
    this.holdsOpen = holdsOpen;
    this.isHeldOpen = false;
    this.pending = new PendingCalls();
    this.observation = new Observation(observers);
    /** @type {Map<number, RunInContext> | undefined} of the pending calls, if a function of the application's needs them */
    this.contexts = logger !== undefined || typeof password === 'function' ? new Map() : undefined;
    // The native half holds the inbox. If that referred to the core itself, neither could be garbage-collected.
    const core = new WeakRef(this);
    const onEvent = eventHandler({ logger, password }, this.contexts, this.observation.calls);
    const inbox = new Inbox(this.pending, this.contexts, onEvent, () => core.deref()?.gather());
    this.inbox = inbox;
    this.drain = (/** @type {string[]} */ chunks) => inbox.take(chunks);
    this.isGathering = false;
    this.isListening = false;
    this.isClosed = false;
    /** The latest call of `connect` or `disconnect`; see `adapter.js`. */
    this.lifecycleCall = 0;
    this.native = new native.PostgresStorageAdapter(connectionString, json, readEnvironment());
  }

  /**
   * @param {CallName} name
   * @param {Encoded[]} args
   * @param {CheckedCallOptions} options
   * @param {ObservedCall | undefined} observed
   * @returns {Promise<unknown>} resolves with what the core answers, or with a `Failure`
   */
  call(name, args, { signal, timeoutMs = LIFECYCLE.has(name) ? undefined : this.queryTimeoutMs }, observed) {
    if (signal?.aborted) throw cancelled('the signal had been aborted');
    if (timeoutMs === 0) throw cancelled(gaveUpAfter(0));
    if (!this.isListening) this.listen();
    const mayGiveUp = signal !== undefined || timeoutMs !== undefined;
    if (mayGiveUp) return this.callUntilGivenUp(name, args, signal, timeoutMs, observed);
    const id = this.native[name](...args);
    this.observation.add(id, observed);
    keepAlive.ref();
    this.contexts?.set(id, captureContext());
    return new Promise((resolve) => this.pending.add(id, resolve));
  }

  /**
   * The core answers a call that is given up like any other one: with an error, at once.
   *
   * @param {CallName} name
   * @param {Encoded[]} args
   * @param {AbortSignal | undefined} signal
   * @param {number | undefined} timeoutMs
   * @param {ObservedCall | undefined} observed
   * @returns {Promise<unknown>}
   */
  callUntilGivenUp(name, args, signal, timeoutMs, observed) {
    /** @type {number | undefined} */
    let id;
    const giveUp = (/** @type {string} */ reason) => {
      if (id !== undefined) this.native.giveUp(id, reason);
    };
    // This comes first because the signal is the application's and may throw. In that case the call is not made.
    const stopListening = signal && onAbort(signal, () => giveUp('the signal was aborted'));
    try {
      this.native.expectGiveUp();
      id = this.native[name](...args);
    } finally {
      if (id === undefined) stopListening?.();
    }
    const pendingId = id;
    this.observation.add(id, observed);
    keepAlive.ref();
    this.contexts?.set(pendingId, captureContext());
    const timer = timeoutMs === undefined ? undefined : setTimeout(giveUp, timeoutMs, gaveUpAfter(timeoutMs));
    return new Promise((resolve) => {
      this.pending.add(pendingId, (outcome) => {
        clearTimeout(timer);
        stopListening?.();
        resolve(outcome);
      });
    });
  }

  listen() {
    native.withoutContext(() => this.native.listen(this.drain));
    this.isListening = true;
  }

  /** Without this, a closed adapter would be reported by tools that look for open handles, such as jest's. */
  stopListening() {
    if (!this.isClosed || !this.isListening || !this.pending.isEmpty()) return;
    this.isListening = false;
    this.native.stopListening();
  }

  /** Many results lead to many calls at once. The core gathers these until all are made, so that they share statements. */
  gather() {
    if (this.isGathering) return;
    this.isGathering = true;
    this.native.openTurn();
    const end = () => {
      this.isGathering = false;
      this.native.closeTurn(this.inbox.isScheduled);
    };
    // A `nextTick` that a microtask asks for runs when no microtask is left.
    queueMicrotask(() => process.nextTick(end));
  }

  /**
   * With `allowExitOnIdle: false` an open adapter keeps the process running.
   *
   * @param {boolean} isOpen
   */
  setOpen(isOpen) {
    if (!this.holdsOpen || isOpen === this.isHeldOpen) return;
    this.isHeldOpen = isOpen;
    if (isOpen) keepAlive.ref();
    else keepAlive.unref();
  }
}

// TypeScript knows a class as a type, too, only if it is exported in this way.
exports.Core = Core;
