/** Reads the constructor's options: keeps the functions here, and writes the rest as JSON for the core. */

const { isUint8Array } = require('node:util/types');
const { text } = require('./arguments.js');
const { invalidInput, reading } = require('./errors.js');
const { toJson } = require('./json.js');
const { checkPlain, isObject } = require('./plain-objects.js');
const { warnOfSlowCalls } = require('./slow-calls.js');
const { levelOfEnvironment, stderrLogger } = require('./stderr-logger.js');

/**
 * @import { Logger } from '../index.js'
 * @import { PasswordFunction } from './callbacks.js'
 * @import { PlainObject } from './plain-objects.js'
 * @import { Observer } from './types.js'
 */

/**
 * @typedef {object} ReadOptions
 * @property {string} json for the core
 * @property {Logger | undefined} logger
 * @property {string | PasswordFunction | undefined} password
 * @property {boolean} holdsOpen whether an open adapter keeps the process running
 * @property {number | undefined} queryTimeoutMs
 * @property {Observer[]} observers
 */

/** @type {readonly string[]} */
const LOG_METHODS = ['debug', 'info', 'warn', 'error'];

/**
 * @param {unknown} given
 * @returns {ReadOptions}
 */
function readOptions(given) {
  const options = readFields(given ?? {}, 'options');
  const { logger: givenLogger, password, ssl } = options;
  if (givenLogger != null && !isLogger(givenLogger)) {
    throw invalidInput('logger', 'must be an object with the functions debug, info, warn and error');
  }
  if (password != null && typeof password !== 'string' && typeof password !== 'function') {
    throw invalidInput('password', 'must be a string or a function');
  }
  const environmentLevel = givenLogger == null ? levelOfEnvironment() : undefined;
  const logger = environmentLevel === undefined ? (givenLogger ?? undefined) : stderrLogger;
  // The core gets `true` for a function, and refuses it where no function is allowed.
  const plain = withoutFunctions({ ...options, logger: logger && true });
  if (environmentLevel !== undefined) plain.logLevel = environmentLevel;
  const slowCallMs = /** @type {number | null | undefined} */ (options.slowCallMs) || undefined;
  if (typeof ssl === 'object' && ssl !== null) plain.ssl = readSsl(ssl);
  return {
    logger,
    password: /** @type {ReadOptions['password'] | null} */ (password) ?? undefined,
    json: toJson(plain, 'options'),
    holdsOpen: options.allowExitOnIdle === false,
    // The core refuses what is no number, so that no call will be made with it.
    queryTimeoutMs: /** @type {number | null | undefined} */ (options.query_timeout) || undefined,
    observers: logger && slowCallMs && plain.logLevel !== 'error' ? [warnOfSlowCalls(logger, slowCallMs)] : [],
  };
}

/**
 * @param {unknown} value
 * @returns {value is Logger}
 */
const isLogger = (value) =>
  reading('logger', () => LOG_METHODS.every((level) => typeof (/** @type {any} */ (value)[level]) === 'function'));

/**
 * All fields of an object, each read once.
 *
 * @param {unknown} object
 * @param {string} name
 * @param {string} [prefix] what the names of its fields begin with
 * @returns {PlainObject}
 */
function readFields(object, name, prefix = '') {
  return reading(name, () => {
    if (!isObject(object)) throw invalidInput(name, 'must be an object');
    checkPlain(object, name);
    return Object.fromEntries(Object.keys(object).map((key) => [key, reading(prefix + key, () => object[key])]));
  });
}

/**
 * @param {PlainObject} object
 * @returns {PlainObject}
 */
const withoutFunctions = (object) =>
  Object.fromEntries(Object.entries(object).map(([key, value]) => [key, typeof value === 'function' ? true : value]));

/**
 * A key that is protected by a passphrase is opened here, by Node's own means.
 *
 * @param {unknown} given
 */
function readSsl(given) {
  const ssl = withoutFunctions(readFields(given, 'ssl', 'ssl.'));
  for (const name of ['ca', 'cert', 'key']) {
    if (ssl[name] != null) ssl[name] = readPem(ssl[name], `ssl.${name}`);
  }
  if (ssl.key != null && ssl.passphrase != null) {
    const passphrase = text('ssl.passphrase')(ssl.passphrase);
    const key = /** @type {string} */ (ssl.key);
    // Loading it takes three milliseconds, which is a fifth of what the package takes.
    const { createPrivateKey } = require('node:crypto');
    try {
      ssl.key = createPrivateKey({ key, format: 'pem', passphrase }).export({ type: 'pkcs8', format: 'pem' });
    } catch {
      throw invalidInput('ssl.key', 'cannot be opened with `ssl.passphrase`');
    }
    ssl.passphrase = undefined;
  }
  return ssl;
}

/**
 * @param {unknown} value
 * @param {string} name
 */
function readPem(value, name) {
  return reading(name, () =>
    [value]
      .flat()
      .map((part) => {
        if (typeof part === 'string') return part;
        if (isUint8Array(part)) return Buffer.from(part).toString('utf8');
        throw invalidInput(name, 'must be PEM text, a Buffer, or an array of them');
      })
      .join('\n'),
  );
}

module.exports = { readOptions };
