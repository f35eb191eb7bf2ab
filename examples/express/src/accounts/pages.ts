import type { Request } from 'express';
import { field, form } from '../web/forms.ts';
import { html } from '../web/html.ts';
import type { Page } from '../web/layout.ts';

export function signUpPage(request: Request, problem?: string): Page {
  const content = html`
    <h1>Sign up</h1>
    ${form(
      request,
      '/sign-up',
      html`
        ${field({ label: 'Name', name: 'name', autocomplete: 'name', value: givenText(request, 'name') })}
        ${field({ label: 'E-mail', name: 'email', type: 'email', autocomplete: 'email', value: givenText(request, 'email') })}
        <button>Sign up</button>`,
    )}
    <p class="muted">You choose a password at the link that we send you. <a href="/sign-in">I have an account</a></p>`;
  return { title: 'Sign up', content, problem };
}

export function forgottenPage(request: Request, problem?: string): Page {
  const content = html`
    <h1>Forgotten password</h1>
    ${form(
      request,
      '/forgotten-password',
      html`
        ${field({ label: 'E-mail', name: 'email', type: 'email', autocomplete: 'email' })}
        <button>Send a link</button>`,
    )}`;
  return { title: 'Forgotten password', content, problem };
}

/** The same whether or not there is an account. */
export function lookIntoMailsPage(email: string, hasOutbox: boolean): Page {
  const content = html`
    <h1>Look into your mails</h1>
    <p>If everything is in order, there is a mail to <strong>${email}</strong> with a link.</p>
    ${hasOutbox && html`<p>This site runs on your computer: its mails are <a href="/mails">on a page</a>.</p>`}`;
  return { title: 'Look into your mails', content };
}

export function choosePasswordPage(request: Request, email: string, token: string, problem?: string): Page {
  const content = html`
    <h1>Choose a password</h1>
    <p>For the account of <strong>${email}</strong>. All its sessions end.</p>
    ${form(
      request,
      '/choose-password',
      html`
        <input type="hidden" name="token" value="${token}">
        <input type="hidden" name="username" value="${email}" autocomplete="username">
        ${field({
          label: 'New password',
          name: 'password',
          type: 'password',
          autocomplete: 'new-password',
          hint: 'At least 12 characters. Three or four words make a good one.',
        })}
        <button>Set the password</button>`,
    )}`;
  return { title: 'Choose a password', content, problem };
}

export const deadLinkPage: Page = {
  title: 'This link does not work',
  content: html`
    <h1>This link does not work</h1>
    <p>It has been used, or is too old. <a href="/forgotten-password">Ask for another one.</a></p>`,
};

function givenText(request: Request, name: string): string {
  const value: unknown = request.body?.[name];
  return typeof value === 'string' ? value : '';
}
