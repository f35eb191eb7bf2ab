/** The entries of the tables of methods. */

const { options } = require('./arguments.js');
const { readCallOptions } = require('./call-options.js');

/** @import { Decode, Encode, Method } from './types.js' */

/**
 * A method whose last argument holds only call options.
 *
 * @template Result
 * @param {Encode[]} encoders
 * @param {Decode<Result>} decode
 * @returns {Method<Result>}
 */
const method = (encoders, decode) => ({
  encoders,
  decode,
  readCallOptions: (args) => readCallOptions(args[encoders.length], true),
});

/**
 * A method whose last argument holds options of its own beside the call options.
 *
 * @template Result
 * @param {Encode[]} encoders
 * @param {Decode<Result>} decode
 * @returns {Method<Result>}
 */
const methodWithOptions = (encoders, decode) => ({
  encoders: [...encoders, options('options')],
  decode,
  readCallOptions: (args) => readCallOptions(args[encoders.length]),
});

module.exports = { method, methodWithOptions };
