import { Router } from 'express';
import { z } from 'zod';
import { Outbox } from '../mail/outbox.ts';
import type { Site } from '../site.ts';
import { Email, Name, NewPassword, readForm } from '../web/forms.ts';
import { sendPage } from '../web/layout.ts';
import { withNotice } from '../web/notices.ts';
import { choosePassword, remindOfAccount, signUp } from './accounts.ts';
import { choosePasswordPage, deadLinkPage, forgottenPage, lookIntoMailsPage, signUpPage } from './pages.ts';
import { findToken } from './tokens.ts';

/** For as long the answer takes at least, so that its time does not say whether there is an account. */
const LEAST_MS = 300;

const SignUpForm = z.object({ email: Email, name: Name });
const ForgottenForm = z.object({ email: Email });
const PasswordForm = z.object({ token: z.string(), password: NewPassword });

export function accountRoutes(site: Site): Router {
  const router = Router();
  const hasOutbox = site.mailer instanceof Outbox;

  router.get('/sign-up', (request, response) => sendPage(request, response, signUpPage(request)));

  router.post('/sign-up', async (request, response) => {
    const { data, problem } = readForm(request, SignUpForm);
    if (!data) return sendPage(request, response, signUpPage(request, problem), 422);
    site.limits.countMailRequest(request);
    await atLeast(LEAST_MS, signUp(site, request, data.email, data.name));
    sendPage(request, response, lookIntoMailsPage(data.email, hasOutbox));
  });

  router.get('/forgotten-password', (request, response) => sendPage(request, response, forgottenPage(request)));

  router.post('/forgotten-password', async (request, response) => {
    const { data, problem } = readForm(request, ForgottenForm);
    if (!data) return sendPage(request, response, forgottenPage(request, problem), 422);
    site.limits.countMailRequest(request);
    await atLeast(LEAST_MS, remindOfAccount(site, data.email, 'forgotten'));
    sendPage(request, response, lookIntoMailsPage(data.email, hasOutbox));
  });

  // Programs that look through mails open links as well. So the link only shows a form, and the form uses the token.
  router.get('/choose-password', async (request, response) => {
    const { token } = request.query;
    const found = await findToken(site.storage, token, ['verify_email', 'reset_password']);
    if (!found) return sendPage(request, response, deadLinkPage, 410);
    sendPage(request, response, choosePasswordPage(request, found.email, String(token)));
  });

  router.post('/choose-password', async (request, response) => {
    const { data, problem } = readForm(request, PasswordForm);
    const token = data?.token ?? request.body?.token;
    const found = await findToken(site.storage, token, ['verify_email', 'reset_password']);
    if (!found) return sendPage(request, response, deadLinkPage, 410);
    if (!data) return sendPage(request, response, choosePasswordPage(request, found.email, token, problem), 422);
    const isSet = await choosePassword(site, request, found, data.password);
    if (!isSet) return sendPage(request, response, deadLinkPage, 410);
    site.cookies.clear(response, 'session');
    response.redirect(303, withNotice('/sign-in', 'password-set'));
  });

  return router;
}

/** Waits for the work, and until the time has passed. */
async function atLeast(durationMs: number, work: Promise<void>): Promise<void> {
  await Promise.all([work, new Promise((resolve) => setTimeout(resolve, durationMs))]);
}
