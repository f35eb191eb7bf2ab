import { once } from 'node:events';
import { createServer } from 'node:http';
import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { createApp } from './app.ts';
import type { Config } from './config.ts';
import { libraryErrorHandler } from './kitium.ts';
import type { Mailer } from './mail/mailer.ts';
import { Cookies } from './secure/cookies.ts';
import { Limits } from './secure/limits.ts';
import { Secrets } from './secure/secrets.ts';
import { Lifecycle } from './shutdown.ts';

/** Starts the site, and ends it gracefully when the process is told to. */
export async function startSite(config: Config, mailer: Mailer): Promise<void> {
  const storage = new PostgresStorageAdapter(config.databaseUrl, {
    max: 10,
    // A browser should not wait longer than this for a connection of the pool.
    connectionTimeoutMillis: 5_000,
    sweepIntervalMs: 60_000,
    application_name: 'example-express',
  });
  await storage.connect();

  const lifecycle = new Lifecycle();
  const site = {
    config,
    storage,
    mailer,
    secrets: new Secrets(config.secret),
    cookies: new Cookies(config.isEncrypted),
    limits: new Limits(),
  };
  const server = createServer(createApp(site, lifecycle, await libraryErrorHandler()));
  server.listen(config.port, config.host);
  await once(server, 'listening');
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => lifecycle.end(server, storage, config.drainMs));
  }
  console.log(`The site is at ${config.origin}`);
}
