/** One transaction, in which the application's function is called once. */

const { onAbort } = require('./abort.js');
const { CORE } = require('./call.js');
const { defineMethods } = require('./define-methods.js');
const { Failure, fromNative } = require('./errors.js');
const { LIFECYCLE } = require('./lifecycle.js');
const { METHODS } = require('./methods.js');
const { isAborted, TransactionCore } = require('./transaction-core.js');

/**
 * @import { PostgresTransaction as Transaction } from '../index.js'
 * @import { Core } from './core.js'
 */

/** The `tx` that the function is called with. */
class PostgresTransaction {
  /** @param {TransactionCore} core */
  constructor(core) {
    Object.defineProperty(this, CORE, { value: core });
  }
}

const METHODS_OF_CALLS = Object.keys(METHODS).filter((name) => !LIFECYCLE.has(name));
defineMethods(PostgresTransaction.prototype, METHODS_OF_CALLS);

/**
 * What a function's promise settles with.
 *
 * @template T
 * @param {(tx: Transaction) => PromiseLike<T> | T} work
 * @param {Transaction} tx
 * @returns {Promise<{ value: T } | { error: unknown }>}
 */
async function outcomeOf(work, tx) {
  try {
    return { value: await work(tx) };
  } catch (error) {
    return { error };
  }
}

class TransactionRun {
  /**
   * @param {Core} core
   * @param {{ json: string, signal: AbortSignal | undefined }} options
   * @param {number} attempt how often the function has been called, with this time
   * @param {number} leftMs when the transaction is ended
   */
  constructor(core, { json, signal }, attempt, leftMs) {
    this.core = core;
    let isAborted = false;
    const giveUp = () => {
      isAborted = true;
      this.native?.giveUpTransaction('the signal was aborted');
    };
    this.stopListening = undefined;
    try {
      this.stopListening = signal && onAbort(signal, giveUp); // First, since the application's signal may throw.
      this.native = core.native.transaction(json, attempt, leftMs);
    } catch (error) {
      this.stopListening?.();
      throw (error instanceof Failure ? error : fromNative(error)).toError('transaction');
    }
    if (isAborted) giveUp();
    this.calls = new TransactionCore(core, this.native);
    // Resolves when the transaction has ended: with a `Failure` if that was from outside.
    this.end = core.start(() => this.native.keepTransaction());
    /** Whether it is known to have been ended from outside. */
    this.isEnded = false;
  }

  /**
   * @template T
   * @param {(tx: Transaction) => PromiseLike<T> | T} work
   * @returns {Promise<T>}
   */
  async settle(work) {
    try {
      const begun = await this.core.start(() => this.native.beginTransaction());
      if (begun instanceof Failure) throw this.failed(begun);
      const tx = /** @type {Transaction} */ (/** @type {unknown} */ (new PostgresTransaction(this.calls)));
      // The function may never end.
      const outcome = await Promise.race([outcomeOf(work, tx), this.end]);
      if (outcome instanceof Failure) throw this.failed(outcome);
      const value = this.valueOf(/** @type {{ value: T } | { error: unknown }} */ (outcome));
      this.calls.isOver = true;
      const committed = await this.core.start(() => this.native.commitTransaction());
      if (committed instanceof Failure) throw this.failed(committed);
      return value;
    } catch (error) {
      this.calls.isOver = true;
      await this.core.start(() => this.native.rollBackTransaction());
      throw await this.reasonOf(error);
    } finally {
      this.stopListening?.();
      this.core.stopListening();
    }
  }

  /**
   * What the function returned. Throws if the transaction must not be committed.
   *
   * @template T
   * @param {{ value: T } | { error: unknown }} outcome
   * @returns {T}
   */
  valueOf(outcome) {
    const { firstError } = this.calls;
    if ('error' in outcome) {
      const { error } = outcome;
      throw isAborted(error) ? (firstError ?? error) : error;
    }
    if (firstError !== undefined) throw firstError;
    return outcome.value;
  }

  /**
   * The error to throw after the rollback. If the transaction had been ended from outside before, it is the reason for that,
   * which may be known only now, whatever the function made of it.
   *
   * @param {unknown} error
   */
  async reasonOf(error) {
    const end = await this.end;
    if (!(end instanceof Failure)) return error;
    this.isEnded = true;
    const reason = end.toError('transaction');
    this.calls.failed(reason);
    return reason;
  }

  /**
   * The error to throw, unless a call has failed before.
   *
   * @param {Failure} failure of the transaction itself
   */
  failed(failure) {
    const error = failure.toError('transaction');
    this.calls.failed(error);
    return this.calls.firstError ?? error;
  }

  /** Whether PostgreSQL has undone the transaction because of a concurrent one, so that it may succeed when it is repeated. */
  mayBeRepeated() {
    return !this.isEnded && this.calls.firstError?.code === 'auth_postgres/serialization_failure';
  }
}

module.exports = { TransactionRun };
