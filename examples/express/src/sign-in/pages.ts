import type { Request } from 'express';
import { field, form } from '../web/forms.ts';
import { html } from '../web/html.ts';
import type { Page } from '../web/layout.ts';

export function signInPage(request: Request, next: string, problem?: string): Page {
  const content = html`
    <h1>Sign in</h1>
    ${form(
      request,
      '/sign-in',
      html`
        <input type="hidden" name="next" value="${next}">
        ${field({ label: 'E-mail', name: 'email', type: 'email', autocomplete: 'username' })}
        ${field({ label: 'Password', name: 'password', type: 'password', autocomplete: 'current-password' })}
        <button>Sign in</button>`,
    )}
    <p class="muted"><a href="/forgotten-password">I have forgotten my password</a> · <a href="/sign-up">Sign up</a></p>`;
  return { title: 'Sign in', content, problem };
}

export function codePage(request: Request, next: string, problem?: string): Page {
  const content = html`
    <h1>Second step</h1>
    ${form(
      request,
      '/sign-in/code',
      html`
        <input type="hidden" name="next" value="${next}">
        ${field({
          label: 'Code',
          name: 'code',
          autocomplete: 'one-time-code',
          hint: 'The six digits in your authenticator, or one of your backup codes.',
        })}
        <button>Go on</button>`,
    )}`;
  return { title: 'Second step', content, problem };
}
