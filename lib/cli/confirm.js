/** Asks before something is lost. */

const { createInterface } = require('node:readline');
const { UsageError } = require('./exit-codes.js');
const { redact } = require('./secrets.js');

/**
 * Resolves with whether the answer was "yes". Without a terminal nobody can answer.
 *
 * @param {string} question
 * @param {AbortSignal} signal
 * @returns {Promise<boolean>}
 */
function confirm(question, signal) {
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new UsageError('nothing was done: there is no terminal to ask on, so pass --yes');
  }
  const reader = createInterface({ input: process.stdin, output: process.stderr, signal });
  return new Promise((resolve) => {
    reader.once('close', () => resolve(false));
    reader.once('SIGINT', () => {
      reader.close();
      process.emit('SIGINT');
    });
    reader.question(redact(`${question} Type "yes" to go on: `), (answer) => {
      resolve(answer.trim().toLowerCase() === 'yes');
      reader.close();
    });
  });
}

module.exports = { confirm };
