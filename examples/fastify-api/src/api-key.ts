/** Who sends a request, by its API key, and what the key may do. */
import type { ApiKeyContext, PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import type { FastifyInstance } from 'fastify';
import { HttpError } from './errors.ts';
import type { Scope } from './scopes.ts';

declare module 'fastify' {
  interface FastifyRequest {
    caller: ApiKeyContext;
  }
  interface FastifyContextConfig {
    /** What the key has to allow. `null` is any valid key. */
    scope?: Scope | null;
  }
}

/** For all routes that are added to `app` after it. */
export function requireApiKey(app: FastifyInstance, storage: PostgresStorageAdapter): void {
  app.decorateRequest('caller', null as never);
  // A route whose author has forgotten the scope would be open to every key.
  app.addHook('onRoute', ({ method, url, config }) => {
    if (config?.scope === undefined) throw new Error(`The route ${method} ${url} does not say which scope it needs.`);
  });
  // The only look-up of a request for this: the key, and the user or the organization that it belongs to.
  app.addHook('onRequest', async (request, reply) => {
    const [, key] = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '') ?? [];
    const caller = key && (await storage.getApiKeyContext(key, { signal: request.untilClientLeaves }));
    if (!caller) {
      reply.header('www-authenticate', 'Bearer');
      throw new HttpError(401, 'unauthenticated', 'Send a valid API key: "Authorization: Bearer …".');
    }
    const { scope } = request.routeOptions.config;
    if (scope && !caller.apiKey.scopes.includes(scope)) {
      throw new HttpError(403, 'scope_missing', `The API key does not allow ${scope}.`);
    }
    request.caller = caller;
  });
}
