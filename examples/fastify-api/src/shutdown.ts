import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import type { FastifyInstance } from 'fastify';

/** Ends the process without losing a request when it is told to end. Is called before the application listens. */
export function endGracefully(app: FastifyInstance, storage: PostgresStorageAdapter): void {
  let isEnding = false;
  // A connection that was busy when the application was closed would stay open after its answer, and the process with it.
  app.addHook('onSend', async (_request, reply) => {
    if (isEnding) reply.header('connection', 'close');
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, async () => {
      isEnding = true;
      app.log.info(`${signal}: requests that are under way are answered, then the process ends`);
      // Takes no new connections, and resolves when the last answer is out. Only then the store is not needed any more.
      await app.close();
      await storage.disconnect();
    });
  }
}
