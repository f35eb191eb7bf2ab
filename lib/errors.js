/**
 * Errors are values, called `Failure`, until a method throws: only there does a stack trace show the caller's own code.
 */

const native = require('../native.js');
const { messageOf, quote } = require('./text.js');

/**
 * @import { ErrorCode, ErrorContext } from '../index.js'
 * @import { CauseFields, ErrorFields } from './types.js'
 */

class InternalError extends Error {
  /** @param {ErrorFields} fields */
  constructor({ message, code, kind, severity, statusCode, retryable, context, cause }) {
    super(message);
    this.code = code;
    this.kind = kind;
    this.severity = severity;
    this.statusCode = statusCode;
    this.retryable = retryable;
    this.context = context;
    if (cause) Object.defineProperty(this, 'cause', { value: causeError(cause), configurable: true, writable: true });
  }

  toJSON() {
    const { name, message, code, kind, severity, statusCode, retryable, context } = this;
    const cause = /** @type {Error | undefined} */ (this.cause);
    return {
      ...{ name, message, code, kind, severity, statusCode, retryable, context },
      ...(cause && { cause: { name: cause.name, message: cause.message, .../** @type {object} */ (cause) } }),
    };
  }
}
Object.defineProperty(InternalError.prototype, 'name', { value: 'InternalError', configurable: true, writable: true });

/**
 * The reason given by the server, the system or the TLS library.
 *
 * @param {CauseFields} fields
 */
function causeError({ name, message, ...details }) {
  const cause = new Error(message);
  Object.defineProperty(cause, 'name', { value: name, configurable: true, writable: true });
  // No JavaScript threw it, so a stack trace would only mislead.
  cause.stack = `${name}: ${message}`;
  return Object.assign(cause, details);
}

/** The outcome of a call that failed. */
class Failure {
  /** @param {ErrorFields} fields */
  constructor(fields) {
    this.fields = fields;
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
 * The caller gave something that is not allowed.
 *
 * @param {string} name of the argument, option or field
 * @param {string} reason
 */
function invalidInput(name, reason) {
  const field = quote(name);
  return failure('auth_postgres/invalid_input', `\`${field}\` ${reason}`, { context: { field } });
}

/**
 * A getter or a proxy of the caller's threw while an argument was read.
 *
 * @param {string} name
 * @param {unknown} error
 */
function unreadable(name, error) {
  return error instanceof Failure ? error : invalidInput(name, `cannot be read: ${messageOf(error)}`);
}

/**
 * The caller gave up before the call was made, so that it is safe to make it again.
 *
 * @param {string} reason
 */
const cancelled = (reason) => failure('auth_postgres/cancelled', reason, { retryable: true });

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

module.exports = { cancelled, Failure, fromNative, InternalError, internal, invalidInput, unreadable };
