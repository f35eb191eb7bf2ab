/** Warns of calls that take long. */

const { log } = require('./callbacks.js');

/**
 * @import { Logger } from '../index.js'
 * @import { Observer } from './types.js'
 */

/**
 * @param {Logger} logger
 * @param {number} limitMs
 * @returns {Observer}
 */
function warnOfSlowCalls(logger, limitMs) {
  return async (call, next) => {
    const started = performance.now();
    try {
      await next();
    } finally {
      const durationMs = Math.round((performance.now() - started) * 1000) / 1000;
      const { operation, attempts, rows } = call;
      if (durationMs >= limitMs) {
        log(logger, { level: 'warn', message: 'slow call', fields: { operation, durationMs, attempts, rows } });
      }
    }
  };
}

module.exports = { warnOfSlowCalls };
