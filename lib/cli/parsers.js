/** Reads the values of options. */

const { InvalidArgumentError } = require('commander');

/** @param {string} text */
function count(text) {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1) throw new InvalidArgumentError('It must be a whole number above 0.');
  return number;
}

/** @param {string} text */
const countOrNone = (text) => (text === '0' ? 0 : count(text));

/** @param {string} text */
function port(text) {
  if (count(text) > 65_535) throw new InvalidArgumentError('It must be 65535 at most.');
  return Number(text);
}

/** @param {string} text */
const words = (text) => text.split(',').map((word) => word.trim());

module.exports = { count, countOrNone, port, words };
