import { Router } from 'express';
import type { Site } from './site.ts';
import { html } from './web/html.ts';
import { sendPage } from './web/layout.ts';
import { isAdmin, userOf } from './web/signed-in.ts';
import { visitOf } from './web/visit.ts';

const FEATURES = [
  ['Sign-up', 'The address is confirmed by choosing a password at a link, and nobody learns who has an account.'],
  ['Two factors', 'Codes of an authenticator and backup codes, each of which works once.'],
  ['Sessions', 'In cookies that no script reads. A new one for each sign-in, and an end to all of them at once.'],
  ['API keys', 'Shown once, stored as a hash, for what they are made for.'],
  ['Organizations', 'Invitations, roles, and at least one owner, whoever does what at the same time.'],
  ['Audit log', 'What has happened, to whom, and from where.'],
];

/** The first page, and that of one's own account. */
export function homeRoutes(site: Site): Router {
  const router = Router();

  router.get('/', (request, response) => {
    const { context } = visitOf(request);
    if (context) {
      const content = html`
        <h1>Welcome, ${context.user.name ?? context.user.email}</h1>
        <p class="lead">You are signed in.</p>
        <p class="buttons"><a class="button" href="/account">Your account</a> <a class="button quiet" href="/organizations">Organizations</a></p>`;
      return sendPage(request, response, { title: 'Welcome', content });
    }
    const content = html`
      <h1>Accounts, done properly</h1>
      <p class="lead">Sign-up, two-factor authentication, sessions, API keys, organizations and an audit log, on
        <code>@kitiumai/auth-postgres</code>.</p>
      <p class="buttons"><a class="button" href="/sign-up">Sign up</a> <a class="button quiet" href="/sign-in">Sign in</a></p>
      <ul class="plain grid">${FEATURES.map(
        ([title, text]) => html`<li class="card"><h2>${title}</h2><p class="muted">${text}</p></li>`,
      )}</ul>`;
    sendPage(request, response, { title: 'Welcome', content });
  });

  router.get('/account', (request, response) => {
    const user = userOf(request);
    const link = (path: string, title: string, text: string) =>
      html`<li class="card"><h2><a href="${path}">${title}</a></h2><p class="muted">${text}</p></li>`;
    const content = html`
      <h1>Your account</h1>
      <p class="muted">${user.email}</p>
      <ul class="plain grid">
        ${link('/account/two-factor', 'Two-factor authentication', 'An authenticator app and backup codes.')}
        ${link('/account/sessions', 'Sessions', 'Where you are signed in, and signing out everywhere.')}
        ${link('/account/api-keys', 'API keys', 'For programs that act for you.')}
        ${link('/account/events', 'Audit log', 'What has happened to your account.')}
        ${isAdmin(site, user) && link('/admin', 'Console', 'Users, sessions and events of the whole site.')}
      </ul>`;
    sendPage(request, response, { title: 'Your account', content });
  });

  return router;
}
