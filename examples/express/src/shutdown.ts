import type { Server, ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import type { RequestHandler } from 'express';

/** How long requests may take that are under way when the site ends. */
const LONGEST_MS = 10_000;

/** Whether the site is ending, and which requests are under way. */
export class Lifecycle {
  isEnding = false;
  readonly #responses = new Set<ServerResponse>();

  middleware(): RequestHandler {
    return (_request, response, next) => {
      this.#responses.add(response);
      response.once('close', () => this.#responses.delete(response));
      if (this.isEnding) response.set('Connection', 'close');
      next();
    };
  }

  /**
   * Ends the site without losing a request. For `drainMs` it still takes connections, while `/healthz` says that it should get
   * none, and each answer ends its connection. Then it takes none, waits for the requests that are under way, and only then
   * disconnects from the database.
   */
  async end(server: Server, storage: PostgresStorageAdapter, drainMs: number): Promise<void> {
    if (this.isEnding) return;
    this.isEnding = true;
    for (const response of this.#responses) {
      // A connection that stays open after its answer would keep the process.
      if (!response.headersSent) response.setHeader('Connection', 'close');
    }
    await wait(drainMs);
    const deadline = setTimeout(() => server.closeAllConnections(), LONGEST_MS);
    await new Promise((resolve) => server.close(resolve));
    clearTimeout(deadline);
    await storage.disconnect();
  }
}
