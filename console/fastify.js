/** The console as a plugin of Fastify. */

const { sendResponse, toRequest, urlOf } = require('./lib/adapters/node.js');

/** @import { ConsoleHandler } from './index.js' */
/** @import { FastifyPlugin } from './fastify.js' */

/**
 * @param {ConsoleHandler} handler
 * @returns {FastifyPlugin}
 */
function fastifyConsole(handler) {
  return async (app) => {
    // In this plugin's own scope: the console reads its forms itself, and the application keeps its parsers.
    app.removeAllContentTypeParsers();
    app.addContentTypeParser(
      '*',
      (/** @type {unknown} */ _request, /** @type {unknown} */ _body, /** @type {Function} */ done) => done(null),
    );
    const answer = async (/** @type {any} */ request, /** @type {any} */ reply) => {
      reply.hijack();
      const url = urlOf(request.raw, request.protocol, request.raw.url);
      if (url === null) {
        reply.raw.statusCode = 400;
        reply.raw.end();
        return;
      }
      await sendResponse(await handler(toRequest(request.raw, url)), reply.raw);
    };
    const method = ['GET', 'HEAD', 'POST'];
    app.route({ method, url: handler.basePath || '/', handler: answer });
    app.route({ method, url: `${handler.basePath}/*`, handler: answer });
  };
}

module.exports = { fastifyConsole };
