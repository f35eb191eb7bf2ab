/** The calls of one transaction. */

const { Failure, InternalError, invalidInput, transactionAborted } = require('./errors.js');
const { LIFECYCLE } = require('./lifecycle.js');

/**
 * @import { Core } from './core.js'
 * @import { CauseFields, CheckedCallOptions, Encoded, MethodName, NativeTransaction, Progress } from './types.js'
 */

/**
 * Whether an error only says that the transaction takes no more calls, and not why.
 *
 * @param {unknown} error
 */
function isAborted(error) {
  return error instanceof InternalError && error.code === 'auth_postgres/transaction_aborted';
}

/**
 * @param {InternalError} error
 * @returns {CauseFields} for the errors that follow from it
 */
const causeOf = ({ name, message, code }) => ({ name, message, code });

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
     * What ended the transaction: the failure of a call, or the reason from outside. It is known before `firstError`.
     *
     * @type {CauseFields | undefined}
     */
    this.cause = undefined;
    /**
     * The same error as it was thrown, whose stack is that of the call.
     *
     * @type {InternalError | undefined}
     */
    this.firstError = undefined;
    /** Whether the transaction has ended, so that it takes no more calls. */
    this.isOver = false;
  }

  /**
   * @param {MethodName} name
   * @param {Encoded[]} args
   * @param {CheckedCallOptions} options
   * @param {Progress | undefined} observed
   * @returns {Promise<unknown>} resolves with what the core answers, or with a `Failure`
   */
  call(name, args, options, observed) {
    if (LIFECYCLE.has(name)) throw invalidInput('this', 'is a transaction, which has no such method');
    if (this.isOver || this.cause !== undefined) {
      const refusal = this.refusal();
      this.native.countRefused(name, refusal.fields.code);
      return Promise.resolve(refusal);
    }
    return this.core.call(name, args, options, observed, this.native).then((answer) => {
      if (!(answer instanceof Failure)) return answer;
      if (!answer.isAborted()) {
        this.cause ??= causeOf(answer.toError(name));
        return answer;
      }
      // The core does not say which call has failed: its answer has come before this one.
      if (!answer.fields.cause) return this.refusal();
      this.cause ??= answer.fields.cause;
      this.isOver = true;
      return answer;
    });
  }

  refusal() {
    const reason = this.isOver ? 'the transaction has ended' : 'an earlier call of the transaction has failed';
    return transactionAborted(reason, this.cause);
  }

  /**
   * A call has been refused before it was made.
   *
   * @param {MethodName} name
   * @param {Failure} failure
   */
  refused(name, failure) {
    this.cause ??= causeOf(failure.toError(name));
    // Its locks are released at once.
    if (!this.isOver) this.core.start(() => this.native.failTransaction()).then(() => this.core.stopListening());
  }

  /** @param {InternalError} error of a call, or of the transaction itself */
  failed(error) {
    if (!isAborted(error)) {
      this.cause ??= causeOf(error);
      this.firstError ??= error;
    }
    this.core.stopListening();
  }
}

// TypeScript knows a class as a type, too, only if it is exported in this way.
exports.TransactionCore = TransactionCore;
exports.isAborted = isAborted;
