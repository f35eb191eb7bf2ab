/** Calls the application's own functions: its logger, and the function that returns a password. */

const { AsyncLocalStorage, AsyncResource } = require('node:async_hooks');
const native = require('../native.js');
const { hasLoneSurrogate, messageOf } = require('./text.js');

/**
 * @import { Logger } from '../index.js'
 * @import { CoreEvent, LogLine, Progress, RunInContext } from './types.js'
 */

/** @typedef {() => string | Promise<string>} PasswordFunction */

/**
 * Captures the async context of the caller. Older versions of Node lack `snapshot`.
 *
 * @type {() => RunInContext}
 */
const captureContext =
  AsyncLocalStorage.snapshot ??
  (() => {
    const resource = new AsyncResource('AuthPostgresCall');
    return (work, ...args) => resource.runInAsyncScope(work, null, ...args);
  });

/**
 * Makes the function that takes the core's events. Each is handled in the async context of the call that it belongs to.
 *
 * @param {{ logger: Logger | undefined, password: string | PasswordFunction | undefined }} functions
 * @param {Map<number, RunInContext> | undefined} contexts by call id
 * @param {Map<number, Progress>} observed by call id
 * @returns {(event: CoreEvent) => void}
 */
function eventHandler({ logger, password }, contexts, observed) {
  const handle = (/** @type {CoreEvent} */ event) => {
    if ('attempts' in event) {
      const progress = observed.get(event.call);
      if (progress !== undefined) progress.attempts = event.attempts;
    } else if (!('ask' in event)) {
      if (logger !== undefined) log(logger, event);
    } else if (typeof password === 'function') {
      answerPassword(event.ask, password);
    }
  };
  return (event) => {
    const runInContext = event.call === undefined ? undefined : contexts?.get(event.call);
    if (runInContext === undefined) handle(event);
    else runInContext(handle, event);
  };
}

/**
 * A logger that throws or rejects must neither keep others from their results nor end the process.
 *
 * @param {Logger} logger
 * @param {LogLine} line
 */
function log(logger, { level, message, fields }) {
  const warn = (/** @type {unknown} */ error) =>
    process.emitWarning(`the logger threw: ${messageOf(error)}`, 'AuthPostgresWarning');
  try {
    /** @type {unknown} */
    const returned = logger[level](message, fields);
    if (typeof returned === 'object' && returned !== null) Promise.resolve(returned).then(undefined, warn);
  } catch (error) {
    warn(error);
  }
}

/**
 * Asks the application for a password. What its function throws may contain one, so only the error's name and code are
 * passed on.
 *
 * @param {number} id of the core's question
 * @param {PasswordFunction} password
 */
async function answerPassword(id, password) {
  try {
    const text = await password();
    const isText = typeof text === 'string' && !hasLoneSurrogate(text) && !text.includes('\0');
    native.answerQuestion(id, isText ? text : null, 'it must return a string, or a promise of one', null);
  } catch (error) {
    const { name, code } = identify(error);
    native.answerQuestion(id, null, `it threw: ${name ?? 'error'}`, code);
  }
}

/**
 * The error's name and code, if they can be read at all.
 *
 * @param {unknown} error
 */
function identify(error) {
  try {
    const { name, code } = /** @type {{ name?: unknown, code?: unknown }} */ (error ?? {});
    return { name: asIdentifier(name), code: asIdentifier(code) };
  } catch {
    return { name: null, code: null };
  }
}

/**
 * Names and codes of errors are identifiers. Anything else could contain a secret.
 *
 * @param {unknown} value
 */
const asIdentifier = (value) => (typeof value === 'string' && /^[A-Za-z_][\w.]{0,63}$/.test(value) ? value : null);

module.exports = { captureContext, eventHandler, log };
