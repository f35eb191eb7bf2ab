/**
 * Encoders: each checks one argument and makes of it what the native core takes. They are made once, for the table of
 * methods.
 */

const { readOptionsObject } = require('./call-options.js');
const { invalidInput } = require('./errors.js');
const { toJson } = require('./json.js');
const { hasLoneSurrogate } = require('./text.js');

/** @param {string} name */
function text(name) {
  return (/** @type {unknown} */ value) => {
    if (typeof value !== 'string') throw invalidInput(name, value == null ? 'is required' : 'must be a string');
    if (hasLoneSurrogate(value)) throw invalidInput(name, 'must not contain lone surrogates');
    return value;
  };
}

/** @param {string} name */
function optionalText(name) {
  const encode = text(name);
  return (/** @type {unknown} */ value) => (value == null ? undefined : encode(value));
}

/**
 * `null` removes something here, so leaving the argument out must not mean the same.
 *
 * @param {string} name
 */
function textOrNull(name) {
  const encode = text(name);
  return (/** @type {unknown} */ value) => (value === null ? null : encode(value));
}

/** @param {string} name */
const json = (name) => (/** @type {unknown} */ value) => toJson(value, name);

/** @param {string} name */
const optionalJson = (name) => (/** @type {unknown} */ value) => (value == null ? undefined : toJson(value, name));

/**
 * A method's own options. The call options among them, `signal` and `timeoutMs`, do not cross to the core, and are checked
 * where they are read.
 *
 * @param {string} name
 */
function options(name) {
  return (/** @type {unknown} */ value) => {
    if (value == null) return undefined;
    const { signal, timeoutMs, ...own } = readOptionsObject(value, name);
    return toJson(own, name);
  };
}

module.exports = { json, optionalJson, options, optionalText, text, textOrNull };
