import type { BackupCode, UserRecord } from '@kitiumai/auth-postgres';
import type { Request } from 'express';
import type { TOTP } from 'otpauth';
import QRCode from 'qrcode';
import { field, form } from '../web/forms.ts';
import { Html, html } from '../web/html.ts';
import type { Page } from '../web/layout.ts';

const PATH = '/account/two-factor';
const password = field({
  label: 'Your password',
  name: 'password',
  type: 'password',
  autocomplete: 'current-password',
});

export function offPage(request: Request, problem?: string): Page {
  const content = html`
    <h1>Two-factor authentication</h1>
    <p>It is off. With it, signing in takes a code of an authenticator app as well.</p>
    ${form(request, `${PATH}/set-up`, html`${password}<button>Set it up</button>`)}`;
  return { title: 'Two-factor authentication', content, problem };
}

export async function setUpPage(request: Request, totp: TOTP, problem?: string): Promise<Page> {
  // Made from our own characters by the package, without a style or a script.
  const picture = new Html(await QRCode.toString(totp.toString(), { type: 'svg', margin: 2 }));
  const content = html`
    <h1>Set up your authenticator</h1>
    <ol class="steps">
      <li>
        <p>Scan this picture with an authenticator app, or type the key into it.</p>
        <div class="qr" role="img" aria-label="QR code with the key below">${picture}</div>
        <p>Key: <code id="totp-key">${totp.secret.base32.replace(/(.{4})(?=.)/g, '$1 ')}</code></p>
      </li>
      <li>
        <p>Enter the code that it shows. All your other sessions end.</p>
        ${form(
          request,
          `${PATH}/confirm`,
          html`
            ${field({ label: 'Code', name: 'code', autocomplete: 'one-time-code', inputmode: 'numeric' })}
            <button>Turn it on</button>`,
        )}
      </li>
    </ol>`;
  return { title: 'Set up your authenticator', content, problem };
}

export function onPage(request: Request, codes: BackupCode[], problem?: string): Page {
  const left = codes.filter(({ used }) => !used).length;
  const content = html`
    <h1>Two-factor authentication</h1>
    <p>It is on. ${left} of your ${codes.length} backup codes are unused.</p>
    <section class="card">
      <h2>New backup codes</h2>
      <p>The old ones stop working.</p>
      ${form(request, `${PATH}/backup-codes`, html`${password}<button>Make new codes</button>`)}
    </section>
    <section class="card">
      <h2>Turn it off</h2>
      <p>Your other sessions end.</p>
      ${form(request, `${PATH}/turn-off`, html`${password}<button class="danger">Turn it off</button>`)}
    </section>`;
  return { title: 'Two-factor authentication', content, problem };
}

export function codesPage(codes: string[]): Page {
  const content = html`
    <h1>Your backup codes</h1>
    <p>Each replaces a code of your authenticator once. They are shown this one time: print them, or keep them in a
      password manager.</p>
    <ul class="codes">${codes.map((code) => html`<li><code>${code}</code></li>`)}</ul>
    <p><a class="button" href="/account">I have kept them</a></p>`;
  return { title: 'Your backup codes', content };
}

/** What authenticator apps show beside the codes. */
export function labelOf({ email, id }: UserRecord): string {
  return email ?? id;
}
