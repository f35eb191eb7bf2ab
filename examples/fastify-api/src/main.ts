/** Starts the API, and ends it without losing a request when the process is told to. */
import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { buildApp } from './app.ts';
import { makeFirstKey } from './first-key.ts';
import { loggerOfStore } from './request-log.ts';
import { endGracefully } from './shutdown.ts';

const { DATABASE_URL = '', HOST = '127.0.0.1', PORT = '3000', LOG_LEVEL = 'info', POOL_SIZE = '10' } = process.env;

const { logger, setLog } = loggerOfStore();
const storage = new PostgresStorageAdapter(DATABASE_URL, {
  max: Number(POOL_SIZE),
  // A request must not wait for a connection for longer than its client does.
  connectionTimeoutMillis: 10_000,
  sweepIntervalMs: 60_000,
  slowCallMs: 500,
  logger,
  logLevel: 'info',
});
const app = buildApp(storage, LOG_LEVEL);
setLog(app.log);

endGracefully(app, storage);

await storage.connect();
await makeFirstKey(storage, app.log);
await app.listen({ host: HOST, port: Number(PORT) });
