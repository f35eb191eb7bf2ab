/** The console as a route handler of Next.js. */

/** @import { ConsoleHandler } from './index.js' */

/** @param {ConsoleHandler} handler */
function nextConsole(handler) {
  const answer = (/** @type {Request} */ request) => handler(request);
  return { GET: answer, POST: answer };
}

module.exports = { nextConsole };
