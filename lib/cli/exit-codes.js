/** What the exit code of the command says. docs/command-line.md lists them. */

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

/** Codes of errors that come of no connection. */
const NOT_REACHED = ['connection_failed', 'authentication_failed', 'tls_failed', 'pool_timeout'];

/** Codes of errors of a server that is busy: somebody has locked a table for long, or it has run out of something. */
const BUSY = ['statement_timeout', 'lock_timeout', 'serialization_failure', 'resource_exhausted'];

/** The command was called with arguments that it does not know or does not allow. */
class UsageError extends Error {}

/** By Ctrl-C. */
class Interrupted extends Error {}

/** @param {unknown} error */
function nameOf(error) {
  const { code } = /** @type {Partial<import('../../index.js').InternalError>} */ (error ?? {});
  return String(code).replace('auth_postgres/', '');
}

/**
 * Whether the same can succeed later, without anything being done about it here.
 *
 * @param {unknown} error
 */
const mayPass = (error) => exitCodeOf(error) === EXIT.notReached || BUSY.includes(nameOf(error));

/**
 * @param {unknown} error
 * @returns {number}
 */
function exitCodeOf(error) {
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof Interrupted) return EXIT.interrupted;
  const { context } = /** @type {Partial<import('../../index.js').InternalError>} */ (error ?? {});
  const name = nameOf(error);
  if (name === 'invalid_input') return EXIT.usage;
  // A server, or a pooler, that takes no more connections: errors of connecting alone name the host.
  const isFull = name === 'resource_exhausted' && context?.host !== undefined;
  return NOT_REACHED.includes(name) || isFull ? EXIT.notReached : EXIT.findings;
}

module.exports = { EXIT, exitCodeOf, Interrupted, mayPass, UsageError };
