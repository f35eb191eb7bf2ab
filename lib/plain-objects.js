/** Finds objects whose content `JSON.stringify` would not see, so that they can be refused. */

const { isNativeError, isPromise } = require('node:util/types');
const { invalidInput } = require('./errors.js');
const { quote } = require('./text.js');

/** @typedef {Record<string, unknown>} PlainObject */

/**
 * @param {unknown} value
 * @returns {value is PlainObject}
 */
const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Refuses objects that keep their content outside of their own fields, where `JSON.stringify` does not look.
 *
 * @param {object} object
 * @param {string} name
 */
function checkPlain(object, name) {
  const prototype = Object.getPrototypeOf(object);
  if (prototype === Object.prototype || prototype === null || !hidesFields(object)) return;
  const tag = Object.prototype.toString.call(object).slice(8, -1);
  const reason = tag === 'Object' ? 'its class keeps fields where JSON does not see them' : `it is a ${quote(tag)}`;
  throw invalidInput(name, `must be a plain object: ${reason}`);
}

/**
 * Whether fields are inherited, are getters of a class, or do not exist at all.
 *
 * @param {object} object
 */
function hidesFields(object) {
  let prototype = Object.getPrototypeOf(object);
  // A plain object of another realm.
  if (isObjectPrototype(prototype)) return false;
  if (isNativeError(object) || isPromise(object) || Object.keys(object).length === 0) return true;
  for (; prototype !== null && !isObjectPrototype(prototype); prototype = Object.getPrototypeOf(prototype)) {
    if (Object.values(Object.getOwnPropertyDescriptors(prototype)).some(isField)) return true;
  }
  return false;
}

/**
 * Whether a property of a prototype holds data, or computes it.
 *
 * @param {PropertyDescriptor} descriptor
 */
const isField = ({ get, enumerable, value }) => get !== undefined || (enumerable && typeof value !== 'function');

/**
 * Whether it is the `Object.prototype` of any realm.
 *
 * @param {object} prototype
 */
const isObjectPrototype = (prototype) =>
  Object.getPrototypeOf(prototype) === null && hasOwn(prototype, 'isPrototypeOf');

/**
 * `Object.hasOwn`, which Node.js has since 16.9.
 *
 * @param {object} object
 * @param {string} key
 */
const hasOwn = (object, key) => Object.getOwnPropertyDescriptor(object, key) !== undefined;

module.exports = { checkPlain, hasOwn, isObject };
