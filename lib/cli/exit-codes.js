/** What the exit code of the command says. docs/command-line.md lists them. */

/** @import { ErrorCode, InternalError } from '../../index.js' */

const EXIT = {
  done: 0,
  /** Something has to be done: `doctor` found it, or the database refused the command. */
  findings: 1,
  usage: 2,
  /** There is no connection to the database. */
  notReached: 3,
  /** As a shell counts it: 128 and the number of SIGINT. */
  interrupted: 130,
};

/** Codes of errors that come of no connection. @type {ReadonlySet<unknown>} */
const NOT_REACHED = new Set(
  /** @type {ErrorCode[]} */ ([
    ...['auth_postgres/connection_failed', 'auth_postgres/authentication_failed'],
    ...['auth_postgres/tls_failed', 'auth_postgres/pool_timeout'],
  ]),
);

/** The command was called with arguments that it does not know or does not allow. */
class UsageError extends Error {}

/** Ctrl-C. */
class Interrupted extends Error {
  constructor() {
    super('interrupted: what ran was cancelled, and what had been committed by then stays');
  }
}

/**
 * @param {unknown} error
 * @returns {number}
 */
function exitCodeOf(error) {
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof Interrupted) return EXIT.interrupted;
  const { code, context } = /** @type {Partial<InternalError>} */ (error ?? {});
  if (code === 'auth_postgres/invalid_input') return EXIT.usage;
  // Too many connections, which is one of several resources.
  const isReached = !NOT_REACHED.has(code) && context?.sqlState !== '53300';
  return isReached ? EXIT.findings : EXIT.notReached;
}

module.exports = { EXIT, exitCodeOf, Interrupted, UsageError };
