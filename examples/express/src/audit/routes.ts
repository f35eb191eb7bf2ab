import { type Request, Router } from 'express';
import { roleOf } from '../organizations/rules.ts';
import type { Site } from '../site.ts';
import { Forbidden } from '../web/errors.ts';
import { html } from '../web/html.ts';
import { sendPage } from '../web/layout.ts';
import { organizationOf, userOf } from '../web/signed-in.ts';
import { eventTable } from './pages.ts';

const PAGE_SIZE = 25;

/** The audit log, of one's own account and of an organization. */
export function auditRoutes({ storage }: Site): Router {
  const router = Router();

  router.get('/account/events', async (request, response) => {
    const events = await storage.listEvents({
      principalId: userOf(request).id,
      limit: PAGE_SIZE,
      after: afterOf(request),
    });
    const content = html`<h1>Your audit log</h1>${eventTable(events, request.path)}`;
    sendPage(request, response, { title: 'Audit log', content });
  });

  router.get('/organizations/:orgId/events', async (request, response) => {
    const organization = organizationOf(request);
    if (roleOf(organization, userOf(request).id) === 'member') throw new Forbidden();
    const events = await storage.listEvents({ orgId: organization.id, limit: PAGE_SIZE, after: afterOf(request) });
    const content = html`<h1>Audit log of ${organization.name}</h1>${eventTable(events, request.path)}`;
    sendPage(request, response, { title: 'Audit log', content });
  });

  return router;
}

/** Where the page begins; the store refuses anything that it has not made itself. */
function afterOf({ query }: Request): string | null {
  return typeof query.after === 'string' ? query.after : null;
}
