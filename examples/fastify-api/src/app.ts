import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { type FastifyInstance, fastify } from 'fastify';
import { requireApiKey } from './api-key.ts';
import { watchClients } from './client-left.ts';
import { answerErrors } from './errors.ts';
import { keepRequestLog } from './request-log.ts';
import { eventRoutes } from './routes/events.ts';
import { healthRoutes } from './routes/health.ts';
import { keyRoutes } from './routes/keys.ts';
import { memberRoutes } from './routes/members.ts';
import { organizationRoutes } from './routes/organizations.ts';

/** The application, which does not listen yet. */
export function buildApp(storage: PostgresStorageAdapter, level: string): FastifyInstance {
  const app = fastify({
    logger: { level, redact: ['req.headers.authorization'] },
    // The caller's own id, if it has sent one: a request can then be followed through several services.
    requestIdHeader: 'x-request-id',
    // Types are exact, and an unknown field is an error instead of being dropped without a word.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, allErrors: false } },
  });
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
  });
  keepRequestLog(app);
  watchClients(app);
  answerErrors(app);

  app.register(async (open) => healthRoutes(open, storage));
  app.register(async (closed) => {
    requireApiKey(closed, storage);
    keyRoutes(closed, storage);
    organizationRoutes(closed, storage);
    memberRoutes(closed, storage);
    eventRoutes(closed, storage);
  });
  return app;
}
