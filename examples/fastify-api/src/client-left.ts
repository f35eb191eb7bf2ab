/** `request.untilClientLeaves` ends the calls of a request whose client is gone. */
import type { FastifyInstance, FastifyRequest } from 'fastify';

declare module 'fastify' {
  interface FastifyRequest {
    /** To be passed as `signal` to every call of the store. */
    untilClientLeaves: AbortSignal;
  }
}

/**
 * Fastify's own `request.signal` is not used: it listens to the request, which Node closes as soon as the body has been read,
 * so that it is aborted in the middle of every POST. The response is closed when it is sent, or cannot be sent any more.
 */
export function watchClients(app: FastifyInstance): void {
  app.decorateRequest('untilClientLeaves', null as unknown as AbortSignal);
  app.addHook('onRequest', async (request: FastifyRequest, reply) => {
    const controller = new AbortController();
    request.untilClientLeaves = controller.signal;
    reply.raw.once('close', () => {
      if (!reply.raw.writableFinished) controller.abort();
    });
  });
}
