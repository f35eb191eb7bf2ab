/** Makes decoders, of which each turns what the core answers into the result of a method. */

/**
 * @import { Page } from '../index.js'
 * @import { Decode } from './types.js'
 */

/**
 * Turns the named fields into Dates where they are present.
 *
 * @template T
 * @param {...Extract<keyof T, string>} fields
 * @returns {Decode<T>}
 */
function dates(...fields) {
  return (answer) => {
    const record = /** @type {Record<string, any>} */ (answer);
    for (const field of fields) {
      if (record[field] !== undefined) record[field] = new Date(record[field]);
    }
    return /** @type {T} */ (record);
  };
}

/**
 * @template T
 * @param {T} answer
 */
const unchanged = (answer) => answer;

/** @type {Decode<void>} */
const toUndefined = () => undefined;

/**
 * @template T
 * @param {Decode<T>} decode
 * @returns {Decode<T | null>}
 */
const orNull = (decode) => (answer) =>
  answer === null ? null : decode(/** @type {import('./types.js').Wire<T>} */ (answer));

/**
 * @template T
 * @param {Decode<T>} decode
 * @returns {Decode<T[]>}
 */
const list = (decode) => (answers) => /** @type {import('./types.js').Wire<T>[]} */ (answers).map(decode);

/**
 * @template T
 * @param {Decode<T>} decode
 * @returns {Decode<Page<T>>}
 */
const page = (decode) => (answer) => {
  const { items, ...rest } = /** @type {import('./types.js').Wire<Page<T>>} */ (answer);
  return /** @type {Page<T>} */ ({ items: list(decode)(/** @type {any} */ (items)), ...rest });
};

module.exports = { dates, list, orNull, page, toUndefined, unchanged };
