/**
 * Errors are values, called `Failure`, until a method throws: only there does a stack trace show the caller's own code.
 */

const native = require('../native.js');
const { InternalError } = require('./internal-error.js');
const { messageOf, quote } = require('./text.js');

/**
 * @import { ErrorCode, ErrorContext } from '../index.js'
 * @import { CauseFields, ErrorFields } from './types.js'
 */

/** The outcome of a call that failed. */
class Failure {
  /** @param {ErrorFields} fields */
  constructor(fields) {
    this.fields = fields;
  }

  isAborted() {
    return this.fields.code === 'auth_postgres/transaction_aborted';
  }

  /**
   * The error to throw. The core has named the operation already if the failure came from there.
   *
   * @param {string} operation
   */
  toError(operation) {
    const { message, context, ...fields } = this.fields;
    const isNamed = context.operation !== undefined;
    return new InternalError({
      ...fields,
      message: isNamed ? message : `${operation}: ${message}`,
      context: { operation, ...context },
    });
  }
}

/** @typedef {Pick<ErrorFields, 'kind' | 'severity' | 'statusCode'>} CodeProperties */

/**
 * The core's list of codes. It is read when the first error is made here.
 *
 * @type {Record<ErrorCode, CodeProperties> | undefined}
 */
let codes;

/**
 * @param {ErrorCode} code
 * @param {string} message
 * @param {{ retryable?: boolean, context?: ErrorContext }} [details]
 */
function failure(code, message, { retryable = false, context = {} } = {}) {
  codes ??= /** @type {Record<ErrorCode, CodeProperties>} */ (Object.fromEntries(JSON.parse(native.errorCodes())));
  return new Failure({ message, code, ...codes[code], retryable, context });
}

/**
 * The failure for an argument, an option or a field that is not allowed.
 *
 * @param {string} name of the argument, option or field
 * @param {string} reason
 */
function invalidInput(name, reason) {
  const field = quote(name);
  return failure('auth_postgres/invalid_input', `\`${field}\` ${reason}`, { context: { field } });
}

/**
 * The failure if a getter or a proxy of the caller's throws while an argument is read. What it throws may hold a secret.
 *
 * @param {string} name
 * @param {unknown} error
 */
function unreadable(name, error) {
  return error instanceof Failure ? error : invalidInput(name, 'cannot be read: a getter or a proxy threw');
}

/**
 * @template T
 * @param {string} name of what is read
 * @param {() => T} read
 */
function reading(name, read) {
  try {
    return read();
  } catch (error) {
    throw unreadable(name, error);
  }
}

/**
 * The failure for a call that was given up before it was made, so that it is safe to make it again.
 *
 * @param {string} reason
 */
const cancelled = (reason) => failure('auth_postgres/cancelled', reason, { retryable: true });

/**
 * The failure for a call of a transaction that has ended or has failed.
 *
 * @param {string} reason
 * @param {CauseFields} [cause] what ended it
 */
function transactionAborted(reason, cause) {
  const refusal = failure('auth_postgres/transaction_aborted', reason);
  if (cause) refusal.fields.cause = cause;
  return refusal;
}

/** @param {string} message */
const internal = (message) => failure('auth_postgres/internal', message);

/**
 * The native constructor can only throw. It sends the error's fields as JSON, in the place of a message.
 *
 * @param {unknown} error
 */
function fromNative(error) {
  try {
    return new Failure(JSON.parse(/** @type {Error} */ (error).message));
  } catch {
    return internal(`the native core could not be made: ${messageOf(error)}`);
  }
}

// TypeScript knows a class as a type, too, only if it is exported in this way.
exports.Failure = Failure;
exports.InternalError = InternalError;
exports.cancelled = cancelled;
exports.fromNative = fromNative;
exports.internal = internal;
exports.invalidInput = invalidInput;
exports.reading = reading;
exports.transactionAborted = transactionAborted;
exports.unreadable = unreadable;
