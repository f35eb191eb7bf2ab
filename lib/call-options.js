/** Reads the options that every call takes: `signal` and `timeoutMs`. */

const { invalidInput, unreadable } = require('./errors.js');
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
 * @returns {CheckedCallOptions}
 */
function readCallOptions(value) {
  if (value == null) return NO_OPTIONS;
  if (!isObject(value)) throw invalidInput('options', 'must be an object');
  const { signal, timeoutMs } = readOptionsObject(value, 'options');
  if (signal != null && !isSignal(signal)) throw invalidInput('signal', 'must be an AbortSignal');
  if (timeoutMs != null && !isTimeout(timeoutMs)) {
    throw invalidInput('timeoutMs', 'must be a number of milliseconds between 0 and 2147483647');
  }
  return { signal: signal ?? undefined, timeoutMs: timeoutMs ?? undefined };
}

/**
 * For methods that have no options of their own.
 *
 * @param {unknown} value
 */
function readOnlyCallOptions(value) {
  const read = readCallOptions(value);
  const unknown = Object.keys(value ?? {}).find((key) => key !== 'signal' && key !== 'timeoutMs');
  if (unknown !== undefined) throw invalidInput(unknown, 'is not known here');
  return read;
}

/**
 * All fields of options, each read once. Only `signal` and `timeoutMs` may be fields of a class.
 *
 * @param {PlainObject} value
 * @param {string} name
 */
function readOptionsObject(value, name) {
  try {
    const { signal, timeoutMs } = value;
    if (signal === undefined && timeoutMs === undefined) checkPlain(value, name);
    return { ...value, signal, timeoutMs };
  } catch (error) {
    throw unreadable(name, error);
  }
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

module.exports = { MAX_TIMEOUT_MS, readCallOptions, readOnlyCallOptions, readOptionsObject };
