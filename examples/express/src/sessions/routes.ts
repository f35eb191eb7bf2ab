import type { SessionRecord } from '@kitiumai/auth-postgres';
import { Router } from 'express';
import { z } from 'zod';
import { record } from '../audit/events.ts';
import type { Site } from '../site.ts';
import { form, readForm } from '../web/forms.ts';
import { html, time } from '../web/html.ts';
import { sendPage } from '../web/layout.ts';
import { withNotice } from '../web/notices.ts';
import { sessionOf, userOf } from '../web/signed-in.ts';

const MOST_SHOWN = 100;
const EndForm = z.object({ session: z.string() });

/** Where somebody is signed in, ending one session, and ending all of them. */
export function sessionRoutes({ storage, secrets, cookies }: Site): Router {
  const router = Router();
  /** The id of a session opens it. So pages name it by this, which opens nothing. */
  const handleOf = ({ id }: SessionRecord) => secrets.sign('session handle', id);

  router.get('/account/sessions', async (request, response) => {
    const { items } = await storage.listUserSessions(userOf(request).id, { limit: MOST_SHOWN });
    const rows = items.map((session) => {
      const isThis = session.id === sessionOf(request).id;
      return html`
        <li class="card row">
          <div>
            <strong>${String(session.metadata.userAgent)}</strong>
            <p class="muted">${String(session.metadata.ip)}, since ${time(session.createdAt)}${isThis && ', this browser'}</p>
          </div>
          ${form(
            request,
            '/account/sessions/end',
            html`
            <input type="hidden" name="session" value="${handleOf(session)}">
            <button class="quiet">End this session</button>`,
          )}
        </li>`;
    });
    const content = html`
      <h1>Sessions</h1>
      <ul class="plain">${rows}</ul>
      ${form(request, '/account/sessions/end-all', html`<button class="danger">Sign out everywhere</button>`)}`;
    sendPage(request, response, { title: 'Sessions', content });
  });

  router.post('/account/sessions/end', async (request, response) => {
    const user = userOf(request);
    const { data } = readForm(request, EndForm);
    const { items } = await storage.listUserSessions(user.id, { limit: MOST_SHOWN });
    const session = items.find((each) => handleOf(each) === data?.session);
    if (session) {
      await storage.deleteSession(session.id);
      await record(storage, request, { type: 'user.session_ended', principalId: user.id });
    }
    response.redirect(303, withNotice('/account/sessions', 'session-ended'));
  });

  router.post('/account/sessions/end-all', async (request, response) => {
    const user = userOf(request);
    await storage.deleteUserSessions(user.id);
    await record(storage, request, { type: 'user.signed_out_everywhere', principalId: user.id });
    cookies.clear(response, 'session');
    response.redirect(303, withNotice('/', 'signed-out-everywhere'));
  });

  return router;
}
