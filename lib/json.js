/** Writes arguments as JSON. */

const { invalidInput, reading } = require('./errors.js');
const { prepare } = require('./json-values.js');

/** @import { PlainObject } from './plain-objects.js' */

/**
 * @param {unknown} value
 * @param {string} name
 */
function toJson(value, name) {
  if (value === undefined) throw invalidInput(name, 'is required');
  const writable = reading(name, () => prepare(value, name));
  try {
    return JSON.stringify(writable) ?? 'null';
  } catch {
    throw invalidInput(findUnwritableField(/** @type {PlainObject} */ (writable)) ?? name, 'cannot be written as JSON');
  }
}

/** @param {PlainObject} record */
function findUnwritableField(record) {
  return Object.keys(record).find((key) => {
    try {
      JSON.stringify(record[key]);
      return false;
    } catch {
      return true;
    }
  });
}

module.exports = { toJson };
