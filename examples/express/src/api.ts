import type { ApiKeyContext } from '@kitiumai/auth-postgres';
import { type ErrorRequestHandler, type Request, type RequestHandler, Router } from 'express';
import type { Scope } from './api-keys/scopes.ts';
import type { Site } from './site.ts';
import { logError, refusalOf } from './web/error-page.ts';
import { Forbidden, WebError } from './web/errors.ts';

const contexts = new WeakMap<Request, ApiKeyContext>();

class Unauthorized extends WebError {
  constructor() {
    super(401, 'Send a valid API key as "Authorization: Bearer …".');
  }
}

/** What programs use: JSON, with an API key, without cookies. */
export function apiRoutes({ storage }: Site, errorHandler: ErrorRequestHandler = sendErrorAsJson): Router {
  const router = Router();

  /** The key and whom it belongs to, in one round trip. */
  router.use(async (request, response, next) => {
    response.set('WWW-Authenticate', 'Bearer');
    const [, key] = /^Bearer ([\w-]{1,200})$/i.exec(request.get('authorization') ?? '') ?? [];
    const context = key === undefined ? null : await storage.getApiKeyContext(key);
    if (!context) throw new Unauthorized();
    response.removeHeader('WWW-Authenticate');
    contexts.set(request, context);
    next();
  });

  router.get('/me', requireScope('profile:read'), (request, response) => {
    const { apiKey, user } = contextOf(request);
    response.json({ id: user?.id, email: user?.email, name: user?.name, scopes: apiKey.scopes });
  });

  router.get('/events', requireScope('events:read'), async (request, response) => {
    const after = typeof request.query.after === 'string' ? request.query.after : null;
    response.json(await storage.listEvents({ principalId: contextOf(request).apiKey.principalId, after }));
  });

  router.use(() => {
    throw new WebError(404, 'There is no such resource.');
  });
  router.use(errorHandler);
  return router;
}

function requireScope(scope: Scope): RequestHandler {
  return (request, _response, next) => {
    if (!contextOf(request).apiKey.scopes.includes(scope)) throw new Forbidden();
    next();
  };
}

function contextOf(request: Request): ApiKeyContext {
  const context = contexts.get(request);
  if (!context) throw new Unauthorized();
  return context;
}

const sendErrorAsJson: ErrorRequestHandler = (error, request, response, next) => {
  const { status, message, retryAfterSeconds } = refusalOf(error);
  if (status >= 500) logError(error, request.method, request.path);
  if (response.headersSent) return next(error);
  if (retryAfterSeconds !== undefined) response.set('Retry-After', String(retryAfterSeconds));
  response.status(status).json({ error: { status, message } });
};
