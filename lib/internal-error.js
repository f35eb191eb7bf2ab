/** The error that the adapter's methods reject with. */

/** @import { CauseFields, ErrorFields } from './types.js' */

/** The same in every copy of this module, whichever version it is of. */
const BRAND = Symbol.for('@kitiumai/auth-postgres/InternalError');

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
Object.defineProperty(InternalError.prototype, BRAND, { value: true });
Object.defineProperty(InternalError, Symbol.hasInstance, { value: isInstance });
Object.defineProperty(InternalError.prototype, 'name', { value: 'InternalError', configurable: true, writable: true });

/**
 * A bundler gives each bundle a copy of this module, but an application shares one adapter between its bundles. So
 * `instanceof` has to be true for the errors of other copies as well. What a subclass has made is found as usual.
 *
 * @this {Function} the class
 * @param {unknown} value
 */
function isInstance(value) {
  if (this !== InternalError) return Function.prototype[Symbol.hasInstance].call(this, value);
  return typeof value === 'object' && value !== null && BRAND in value;
}

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

// TypeScript knows a class as a type, too, only if it is exported in this way.
exports.InternalError = InternalError;
