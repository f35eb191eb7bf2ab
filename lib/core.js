/** Makes calls to the native core, and gives them up. */

const native = require('../native.js');
const { captureContext, eventHandler } = require('./callbacks.js');
const { readEnvironment } = require('./environment.js');
const { callUntilGivenUp, givenUpBefore } = require('./give-up.js');
const { Inbox } = require('./inbox.js');
const keepAlive = require('./keep-alive.js');
const { LIFECYCLE } = require('./lifecycle.js');
const { Observation } = require('./observation.js');
const { PendingCalls } = require('./pending-calls.js');

/**
 * @import { Failure } from './errors.js'
 * @import { ReadOptions } from './options.js'
 * @import { CallName, CheckedCallOptions, Encoded, MethodName, NativeAdapter, Progress, RunInContext } from './types.js'
 */

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
   * @param {Progress | undefined} observed
   * @param {NativeAdapter} [on] the native half, or one of its transactions
   * @returns {Promise<unknown>} resolves with what the core answers, or with a `Failure`
   */
  call(name, args, options, observed, on = this.native) {
    const { signal, timeoutMs = LIFECYCLE.has(name) ? undefined : this.queryTimeoutMs } = options;
    const refusal = givenUpBefore(signal, timeoutMs);
    if (refusal !== undefined) throw refusal;
    if (!this.isListening) this.listen();
    if (signal === undefined && timeoutMs === undefined) return this.answerOf(on[name](...args), observed);
    return callUntilGivenUp(this, () => on[name](...args), signal, timeoutMs, observed);
  }

  /**
   * Makes a call that is no method of the adapter.
   *
   * @param {() => number} make returns the call's id
   */
  start(make) {
    if (!this.isListening) this.listen();
    return this.answerOf(make(), undefined);
  }

  /**
   * @param {number} id of a call that has just been made
   * @param {Progress | undefined} observed
   * @returns {Promise<unknown>} resolves with what the core answers, or with a `Failure`
   */
  answerOf(id, observed) {
    this.expectAnswer(id, observed);
    return new Promise((resolve) => this.pending.add(id, resolve));
  }

  /**
   * @param {number} id of a call that has just been made
   * @param {Progress | undefined} observed
   */
  expectAnswer(id, observed) {
    this.observation.add(id, observed);
    keepAlive.ref();
    this.contexts?.set(id, captureContext());
  }

  listen() {
    native.withoutContext(() => this.native.listen(this.drain));
    this.isListening = true;
  }

  /**
   * A call has been refused before it was made.
   *
   * @param {MethodName} _name
   * @param {Failure} _failure
   */
  refused(_name, _failure) {}

  /** A call has failed. A closed adapter answers calls, too. */
  failed() {
    this.stopListening();
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
