/**
 * Prepares values for `JSON.stringify`. What it would silently drop or turn into null is refused. The checks go one level
 * deep: what is inside metadata and the like follows JSON's own rules.
 */

const { isDate } = require('node:util/types');
const { invalidInput, unreadable } = require('./errors.js');
const { checkPlain, hasOwn, isObject } = require('./plain-objects.js');

/** @import { PlainObject } from './plain-objects.js' */

/** As deep as the core reads JSON. */
const MAX_DEPTH = 512;

/** The last time that a Date can hold, in milliseconds. */
const MAX_TIME = 8.64e15;

const { toISOString } = Date.prototype;

/**
 * Checks a value and replaces Dates by text, because the application may have replaced their `toJSON`. Objects and lists
 * that hold a Date are copied; others are returned as they are.
 *
 * @param {unknown} value
 * @param {string} name
 */
function prepare(value, name) {
  if (Array.isArray(value)) return prepareList(value, name, name, 1);
  return isObject(value) && !isDate(value) ? prepareRecord(value, name, '') : prepareValue(value, name);
}

/**
 * @param {PlainObject} given
 * @param {string} name
 * @param {string} prefix what the names of the record's fields begin with
 */
function prepareRecord(given, name, prefix) {
  // If a class says what its JSON is, that is the record.
  const hasJson = typeof given.toJSON === 'function' && !hasOwn(given, 'toJSON');
  const record = hasJson ? /** @type {{ toJSON(key: string): unknown }} */ (given).toJSON('') : given;
  if (!isObject(record)) return record;
  checkPlain(record, name);
  /** @type {PlainObject | undefined} */
  let copy;
  for (const key of Object.keys(record)) {
    const field = prefix + key;
    let value;
    let prepared;
    try {
      value = record[key];
      prepared = Array.isArray(value) ? prepareList(value, field, field, 1) : prepareValue(value, field);
    } catch (error) {
      throw unreadable(field, error);
    }
    if (!Object.is(prepared, value)) {
      // In a copy `__proto__` is an ordinary field, too.
      copy ??= { ...record };
      copy[key] = prepared;
    }
  }
  return copy ?? record;
}

/**
 * @param {unknown[]} list
 * @param {string} name
 * @param {string} root the field that holds the outermost of nested lists
 * @param {number} depth
 */
function prepareList(list, name, root, depth) {
  if (depth > MAX_DEPTH) throw invalidInput(root, `must not nest deeper than ${MAX_DEPTH} levels`);
  /** @type {unknown[] | undefined} */
  let copy;
  for (let at = 0; at < list.length; at += 1) {
    const value = list[at];
    const itemName = `${name}[${at}]`;
    /** @type {unknown} */
    let prepared;
    if (Array.isArray(value)) prepared = prepareList(value, itemName, root, depth + 1);
    else if (isObject(value) && !isDate(value)) prepared = prepareRecord(value, itemName, `${itemName}.`);
    else prepared = prepareValue(value, itemName);
    if (!Object.is(prepared, value)) {
      copy ??= [...list];
      copy[at] = prepared;
    }
  }
  return copy ?? list;
}

/**
 * A field or an item that is no list.
 *
 * @param {unknown} value
 * @param {string} name
 */
function prepareValue(value, name) {
  switch (typeof value) {
    case 'function':
    case 'symbol':
    case 'bigint':
      throw invalidInput(name, `must not be a ${typeof value}`);
    case 'number':
      if (!Number.isFinite(value)) throw invalidInput(name, 'must be a finite number');
      return value;
    case 'object':
      if (value === null) return value;
      if (isDate(value)) return dateText(value, name);
      // An object with a `toJSON` says itself what it holds.
      if (typeof (/** @type {PlainObject} */ (value).toJSON) !== 'function') checkPlain(value, name);
      return value;
    default:
      return value;
  }
}

/**
 * ISO text of what `getTime()` returns. The application may have replaced the Date's other methods.
 *
 * @param {Date} date
 * @param {string} name
 */
function dateText(date, name) {
  const time = date.getTime();
  const isTime = typeof time === 'number' && Math.abs(time) <= MAX_TIME;
  if (!isTime) throw invalidInput(name, 'must be a valid Date');
  return /** @type {string} */ (Reflect.apply(toISOString, new Date(time), []));
}

module.exports = { prepare };
