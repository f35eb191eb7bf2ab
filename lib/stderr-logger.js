/** The log for a look into a running system: with `AUTH_POSTGRES_LOG`, and without a logger of the application's. */

/**
 * @import { Logger, LogLevel } from '../index.js'
 */

/** @type {readonly LogLevel[]} */
const LEVELS = ['debug', 'info', 'warn', 'error'];

const ignore = () => undefined;

let isReadable = true;

/**
 * A process whose standard error nobody reads any more, or whose disk is full, goes on without these lines. The stream calls
 * back before it emits the error, which would end the process if nobody listened.
 *
 * @param {Error | null | undefined} error
 */
function stopAtError(error) {
  if (!error || !isReadable) return;
  isReadable = false;
  process.stderr.on('error', ignore);
  setImmediate(() => process.stderr.removeListener('error', ignore)).unref();
}

/** @param {LogLevel} level */
const writerOf = (level) => (/** @type {string} */ message, /** @type {Record<string, unknown>} */ fields) => {
  if (!isReadable) return;
  process.stderr.write(
    `${JSON.stringify({ time: new Date().toISOString(), level, message, ...fields })}\n`,
    stopAtError,
  );
};

/** @type {Logger} writes a line of JSON for each message */
const stderrLogger = {
  debug: writerOf('debug'),
  info: writerOf('info'),
  warn: writerOf('warn'),
  error: writerOf('error'),
};

/**
 * The level that the variable `AUTH_POSTGRES_LOG` names. Another value is told of, and has no effect.
 *
 * @returns {LogLevel | undefined}
 */
function levelOfEnvironment() {
  const value = process.env.AUTH_POSTGRES_LOG;
  if (!value) return undefined;
  const level = LEVELS.find((each) => each === value.toLowerCase());
  if (level === undefined) {
    process.emitWarning(`AUTH_POSTGRES_LOG must be one of ${LEVELS.join(', ')}`, 'AuthPostgresWarning');
  }
  return level;
}

module.exports = { levelOfEnvironment, stderrLogger };
