/** The console as a middleware of Express. */

const { answer, urlOf } = require('./lib/adapters/node.js');

/** @import { ConsoleHandler } from './index.js' */
/** @import { ExpressMiddleware } from './express.js' */

/**
 * @param {ConsoleHandler} handler
 * @returns {ExpressMiddleware}
 */
function expressConsole(handler) {
  return (request, response, next) => {
    // Express knows by its setting `trust proxy` whether the outer connection is encrypted.
    const url = urlOf(request, request.protocol, request.originalUrl ?? request.url);
    if (url !== null && !isBelow(new URL(url).pathname, handler.basePath)) next();
    else answer(handler, request, response, url, request.body);
  };
}

/**
 * @param {string} path
 * @param {string} basePath
 */
function isBelow(path, basePath) {
  return path === basePath || path.startsWith(`${basePath}/`);
}

module.exports = { expressConsole };
