/** The calls of one transaction. */

const { Failure, InternalError, invalidInput, transactionAborted } = require('./errors.js');
const { LIFECYCLE } = require('./lifecycle.js');

/**
 * @import { Core } from './core.js'
 * @import { CheckedCallOptions, Encoded, MethodName, NativeTransaction, ObservedCall } from './types.js'
 */

/**
 * Whether an error only says that the transaction takes no more calls, and not why.
 *
 * @param {unknown} error
 */
function isAborted(error) {
  return error instanceof InternalError && error.code === 'auth_postgres/transaction_aborted';
}

/** Takes the place of an adapter's core for the calls of a transaction. */
class TransactionCore {
  /**
   * @param {Core} core of the adapter
   * @param {NativeTransaction} native
   */
  constructor(core, native) {
    this.core = core;
    this.native = native;
    /**
     * What ended the transaction: the error of the first call that failed, or the reason from outside.
     *
     * @type {InternalError | undefined}
     */
    this.firstError = undefined;
    /** Whether a call has failed, if its error has not been made yet. */
    this.hasFailed = false;
    /** Whether the transaction has ended, so that it takes no more calls. */
    this.isOver = false;
  }

  /**
   * @param {MethodName} name
   * @param {Encoded[]} args
   * @param {CheckedCallOptions} options
   * @param {ObservedCall | undefined} observed
   * @returns {Promise<unknown>} resolves with what the core answers, or with a `Failure`
   */
  call(name, args, options, observed) {
    if (LIFECYCLE.has(name)) throw invalidInput('this', 'is a transaction, which has no such method');
    if (this.isOver || this.hasFailed) return Promise.resolve().then(() => this.refusal());
    const outcome = this.core.call(name, args, options, observed, this.native);
    // The core does not know the error of the call before, whose answer has come before this one.
    return outcome.then((answer) => (answer instanceof Failure && answer.isAborted() ? this.refusal() : answer));
  }

  refusal() {
    const reason = this.isOver ? 'the transaction has ended' : 'an earlier call of the transaction has failed';
    return transactionAborted(reason, this.firstError);
  }

  /** A call has been refused before it was made. */
  refused() {
    this.hasFailed = true;
  }

  /** @param {InternalError} error of a call, or of the transaction itself */
  failed(error) {
    this.hasFailed = true;
    if (!isAborted(error)) this.firstError ??= error;
    this.core.stopListening();
  }
}

// TypeScript knows a class as a type, too, only if it is exported in this way.
exports.TransactionCore = TransactionCore;
exports.isAborted = isAborted;
