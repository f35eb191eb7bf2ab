import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import type { FastifyInstance } from 'fastify';

export function healthRoutes(app: FastifyInstance, storage: PostgresStorageAdapter): void {
  // Whether to restart the process. A database that is away is no reason: restarting would not bring it back.
  app.get('/health/live', { logLevel: 'warn' }, async () => ({ status: 'ok' }));

  // Whether to send requests here. What is wrong in detail stands in the log, not in an answer for everybody.
  app.get('/health/ready', { logLevel: 'warn' }, async (request, reply) => {
    const health = await storage.healthCheck({ timeoutMs: 2_000 });
    if (health.status === 'ok') return { status: 'ok' };
    request.log.warn({ health }, 'not ready');
    return reply.code(503).send({ status: 'error' });
  });
}
