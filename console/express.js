/** The console as a middleware of Express. */

const { sendResponse, toRequest } = require('./lib/adapters/node.js');

/** @import { ConsoleHandler } from './index.js' */
/** @import { ExpressMiddleware } from './express.js' */

/**
 * @param {ConsoleHandler} handler
 * @returns {ExpressMiddleware}
 */
function expressConsole(handler) {
  return (request, response, next) => {
    const path = request.originalUrl ?? request.url ?? '/';
    // Express knows by its setting `trust proxy` whether the outer connection is encrypted.
    const scheme = request.protocol === 'https' ? 'https' : 'http';
    const url = toUrl(scheme, request.headers.host, path);
    if (url === null) {
      response.statusCode = 400;
      response.end();
      return;
    }
    if (!isBelow(new URL(url).pathname, handler.basePath)) {
      next();
      return;
    }
    handler(toRequest(request, url, request.body))
      .then((answer) => sendResponse(answer, response))
      .catch(next);
  };
}

/**
 * @param {string} scheme
 * @param {string | undefined} host
 * @param {string} path
 */
function toUrl(scheme, host, path) {
  const url = `${scheme}://${host ?? 'localhost'}${path.startsWith('/') ? path : '/'}`;
  return URL.canParse(url) ? url : null;
}

/**
 * @param {string} path
 * @param {string} basePath
 */
function isBelow(path, basePath) {
  return path === basePath || path.startsWith(`${basePath}/`);
}

module.exports = { expressConsole };
