import type { SessionRecord } from '@kitiumai/auth-postgres';
import { type Request, type Response, Router } from 'express';
import { z } from 'zod';
import { NOBODY, record } from '../audit/events.ts';
import type { Site } from '../site.ts';
import { Email, GivenPassword, readForm } from '../web/forms.ts';
import { sendPage } from '../web/layout.ts';
import { withNotice } from '../web/notices.ts';
import { visitOf } from '../web/visit.ts';
import { safePath } from './next.ts';
import { codePage, signInPage } from './pages.ts';
import { finishSignIn } from './second-step.ts';
import { beginSignIn, checkPassword } from './sign-in.ts';

const SignInForm = z.object({ email: Email, password: GivenPassword });
const CodeForm = z.object({ code: z.string().trim().min(1, 'Enter a code.').max(64) });
/** The same for an unknown address, for an account without a password, and for a wrong one. */
const WRONG = 'The e-mail or the password is wrong.';

export function signInRoutes(site: Site): Router {
  const { config, cookies, limits, storage } = site;
  const router = Router();
  const nextOf = (request: Request) => safePath(request.body?.next ?? request.query.next, config.origin);

  router.get('/sign-in', (request, response) => {
    if (visitOf(request).context) return response.redirect(303, nextOf(request));
    sendPage(request, response, signInPage(request, nextOf(request)));
  });

  router.post('/sign-in', async (request, response) => {
    const { data, problem } = readForm(request, SignInForm);
    if (!data) return sendPage(request, response, signInPage(request, nextOf(request), problem), 422);
    limits.countSignIn(request, data.email);
    const { user, isRight } = await checkPassword(site, data.email, data.password);
    if (!user || !isRight) {
      const principalId = user?.id ?? NOBODY;
      await record(storage, request, { type: 'user.sign_in_failed', principalId, data: { factor: 'password' } });
      return sendPage(request, response, signInPage(request, nextOf(request), WRONG), 401);
    }
    const begun = await beginSignIn(site, request, user);
    if ('session' in begun) return enter(request, response, begun.session);
    cookies.set(response, 'pending', begun.pendingId);
    response.redirect(303, `/sign-in/code?${new URLSearchParams({ next: nextOf(request) })}`);
  });

  router.get('/sign-in/code', (request, response) => {
    if (cookies.read(request, 'pending') === undefined) return response.redirect(303, '/sign-in');
    sendPage(request, response, codePage(request, nextOf(request)));
  });

  router.post('/sign-in/code', async (request, response) => {
    const { data, problem } = readForm(request, CodeForm);
    if (!data) return sendPage(request, response, codePage(request, nextOf(request), problem), 422);
    const pendingId = cookies.read(request, 'pending');
    const result = pendingId === undefined ? 'over' : await finishSignIn(site, request, pendingId, data.code);
    if (result === 'wrong') {
      const text = 'This code is wrong, or it has been used already.';
      return sendPage(request, response, codePage(request, nextOf(request), text), 401);
    }
    cookies.clear(response, 'pending');
    if (result === 'over') return response.redirect(303, withNotice('/sign-in', 'sign-in-again'));
    await enter(request, response, result);
  });

  router.post('/sign-out', async (request, response) => {
    const { context } = visitOf(request);
    if (context) {
      await storage.deleteSession(context.session.id);
      await record(storage, request, { type: 'user.signed_out', principalId: context.user.id });
    }
    cookies.clear(response, 'session');
    response.redirect(303, withNotice('/', 'signed-out'));
  });

  /** The browser's earlier session ends, and it goes on with the new one. */
  async function enter(request: Request, response: Response, session: SessionRecord): Promise<void> {
    const before = visitOf(request).context;
    if (before) await storage.deleteSession(before.session.id);
    cookies.set(response, 'session', session.id);
    response.redirect(303, nextOf(request));
  }

  return router;
}
