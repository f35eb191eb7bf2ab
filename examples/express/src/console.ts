import { AsyncLocalStorage } from 'node:async_hooks';
import { createConsole, type Operator } from '@kitiumai/auth-postgres-console';
import { expressConsole } from '@kitiumai/auth-postgres-console/express';
import { Router } from 'express';
import type { Site } from './site.ts';
import { NotFound } from './web/errors.ts';
import { withNotice } from './web/notices.ts';
import { hasSecondFactor, isAdmin, requireSignIn, sessionOf, userOf } from './web/signed-in.ts';

const PATH = '/admin';

/** The console, for administrators who have signed in with a second factor. To all others there is no such page. */
export function consoleRoutes(site: Site): Router {
  // The session of the request is known already; the console asks who it is where this is set.
  const operators = new AsyncLocalStorage<Operator>();
  const handler = createConsole(site.storage, {
    basePath: PATH,
    title: 'Example',
    origin: site.config.origin,
    secret: site.secrets.sign('console', 'forms'),
    authorize: () => operators.getStore() ?? null,
  });
  const router = Router();

  router.use(PATH, requireSignIn, (request, response, next) => {
    const user = userOf(request);
    if (!isAdmin(site, user)) throw new NotFound();
    if (!hasSecondFactor(sessionOf(request))) {
      return response.redirect(303, withNotice('/account/two-factor', 'second-factor-needed'));
    }
    operators.run({ name: user.email ?? user.id, can: ['*'] }, next);
  });
  router.use(PATH, expressConsole(handler));
  return router;
}
