import { join } from 'node:path';
import express, { type ErrorRequestHandler, type Express } from 'express';
import { accountRoutes } from './accounts/routes.ts';
import { apiRoutes } from './api.ts';
import { apiKeyRoutes } from './api-keys/routes.ts';
import { auditRoutes } from './audit/routes.ts';
import { consoleRoutes } from './console.ts';
import { homeRoutes } from './home.ts';
import { Outbox } from './mail/outbox.ts';
import { organizationRoutes } from './organizations/routes.ts';
import { refuseForeignForms } from './secure/csrf.ts';
import { secureHeaders } from './secure/headers.ts';
import { sessionRoutes } from './sessions/routes.ts';
import type { Lifecycle } from './shutdown.ts';
import { signInRoutes } from './sign-in/routes.ts';
import type { Site } from './site.ts';
import { twoFactorRoutes } from './two-factor/routes.ts';
import { sendErrorPage } from './web/error-page.ts';
import { NotFound } from './web/errors.ts';
import { requireSignIn } from './web/signed-in.ts';
import { loadVisit } from './web/visit.ts';

const PUBLIC = join(import.meta.dirname, '..', 'public');

/** The way of a request. What comes first holds for all that follows. */
export function createApp(site: Site, lifecycle: Lifecycle, apiErrors?: ErrorRequestHandler): Express {
  const { config, mailer, storage } = site;
  const app = express();
  app.disable('x-powered-by').set('trust proxy', config.trustedProxies);

  app.use(lifecycle.middleware());
  app.use(secureHeaders(config.isEncrypted));
  app.use(
    express.static(PUBLIC, { index: false, cacheControl: false, setHeaders: (response) => cacheFor(response, 3_600) }),
  );

  // For load balancers: a site that ends is not ready any more, although it still answers.
  app.get('/healthz', async (_request, response) => {
    const { status } = await storage.healthCheck({ timeoutMs: 2_000 });
    const isReady = status === 'ok' && !lifecycle.isEnding;
    response.status(isReady ? 200 : 503).json({ status: isReady ? 'ok' : 'unavailable' });
  });
  app.use('/api', apiRoutes(site, apiErrors));

  app.use('/organizations/:orgId', loadVisit(site));
  app.use(loadVisit(site));
  // The console reads its forms itself.
  app.use(consoleRoutes(site));
  app.use(express.urlencoded({ extended: false, limit: '16kb', parameterLimit: 50 }));
  app.use(refuseForeignForms(site));

  app.use(accountRoutes(site), signInRoutes(site));
  if (mailer instanceof Outbox) app.use(mailer.routes());
  app.use(['/account', '/organizations'], requireSignIn);
  app.use(homeRoutes(site), twoFactorRoutes(site), sessionRoutes(site), apiKeyRoutes(site));
  app.use(organizationRoutes(site), auditRoutes(site));

  app.use(() => {
    throw new NotFound();
  });
  app.use(sendErrorPage);
  return app;
}

function cacheFor(response: { setHeader(name: string, value: string): unknown }, seconds: number): void {
  response.setHeader('Cache-Control', `public, max-age=${seconds}`);
}
