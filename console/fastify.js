/** The console as a plugin of Fastify. */

const { answer, urlOf } = require('./lib/adapters/node.js');

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
    const serve = async (/** @type {any} */ request, /** @type {any} */ reply) => {
      reply.hijack();
      await answer(handler, request.raw, reply.raw, urlOf(request.raw, request.protocol, request.raw.url));
    };
    const method = ['GET', 'HEAD', 'POST'];
    app.route({ method, url: handler.basePath || '/', handler: serve });
    app.route({ method, url: `${handler.basePath}/*`, handler: serve });
  };
}

module.exports = { fastifyConsole };
