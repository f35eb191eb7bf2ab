/** Makes the methods of the adapter and of its transactions from the table. */

const { callMethod } = require('./pages.js');

/** @import { MethodName } from './types.js' */

/**
 * Gives a class its methods of the table, unless it has its own.
 *
 * @param {object} prototype
 * @param {string[]} names
 */
function defineMethods(prototype, names) {
  for (const name of names) {
    if (name in prototype) continue;
    const { [name]: value } = {
      /** @param {unknown[]} args */
      [name](...args) {
        return callMethod(this, /** @type {MethodName} */ (name), args);
      },
    };
    Object.defineProperty(prototype, name, { value, configurable: true, writable: true });
  }
}

module.exports = { defineMethods };
