/** Reads the options that every call takes: `signal` and `timeoutMs`. */

const { invalidInput, reading } = require('./errors.js');
const { checkPlain, isObject } = require('./plain-objects.js');

/**
 * @import { PlainObject } from './plain-objects.js'
 * @import { CheckedCallOptions } from './types.js'
 */

/** Node's timers hold no more milliseconds. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** @type {CheckedCallOptions} */
const NO_OPTIONS = {};

/**
 * @param {unknown} value
 * @param {boolean} [isOnly] whether there must be no others
 * @returns {CheckedCallOptions}
 */
function readCallOptions(value, isOnly) {
  if (value == null) return NO_OPTIONS;
  const { signal, timeoutMs, ...others } = readOptionsObject(value, 'options');
  if (signal != null && !isSignal(signal)) throw invalidInput('signal', 'must be an AbortSignal');
  if (timeoutMs != null && !isTimeout(timeoutMs)) {
    throw invalidInput('timeoutMs', 'must be a number of milliseconds between 0 and 2147483647');
  }
  const [unknown] = isOnly ? Object.keys(others) : [];
  if (unknown !== undefined) throw invalidInput(unknown, 'is not known here');
  return { signal: signal ?? undefined, timeoutMs: timeoutMs ?? undefined };
}

/**
 * All fields of options, each read once. Only `signal` and `timeoutMs` may be fields of a class.
 *
 * @param {unknown} value
 * @param {string} name
 * @returns {PlainObject}
 */
function readOptionsObject(value, name) {
  return reading(name, () => {
    if (!isObject(value)) throw invalidInput(name, 'must be an object');
    const { signal, timeoutMs } = value;
    if (signal === undefined && timeoutMs === undefined) checkPlain(value, name);
    return { ...value, signal, timeoutMs };
  });
}

/**
 * @param {unknown} value
 * @returns {value is number}
 */
const isTimeout = (value) => typeof value === 'number' && value >= 0 && value <= MAX_TIMEOUT_MS;

/**
 * Whether it has what we use of an AbortSignal. It may come from another realm, or from a polyfill.
 *
 * @param {unknown} value
 * @returns {value is AbortSignal}
 */
function isSignal(value) {
  try {
    const { aborted, addEventListener, removeEventListener } = /** @type {AbortSignal} */ (value);
    return typeof aborted === 'boolean' && [addEventListener, removeEventListener].every(isFunction);
  } catch {
    return false;
  }
}

/** @param {unknown} value */
const isFunction = (value) => typeof value === 'function';

module.exports = { MAX_TIMEOUT_MS, readCallOptions, readOptionsObject };
