/** Lets the lines that the store logs carry the id of the request that caused them. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Logger } from '@kitiumai/auth-postgres';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';

const requestLog = new AsyncLocalStorage<FastifyBaseLogger>();

export function keepRequestLog(app: FastifyInstance): void {
  app.addHook('onRequest', (request, _reply, done) => requestLog.run(request.log, done));
  // A body arrives in events of the socket, which know nothing of the request.
  app.addHook('preHandler', (request, _reply, done) => requestLog.run(request.log, done));
}

/** The adapter is made before the application that logs. Until `setLog`, nothing is logged. */
export function loggerOfStore(): { logger: Logger; setLog: (log: FastifyBaseLogger) => void } {
  let appLog: FastifyBaseLogger | undefined;
  const write = (level: keyof Logger) => (message: string, fields: Record<string, unknown>) =>
    // The store logs in the async context of the call that caused the line.
    (requestLog.getStore() ?? appLog)?.[level](fields, message);
  return {
    logger: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
    setLog: (log) => {
      appLog = log;
    },
  };
}
