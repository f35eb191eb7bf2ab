import type { ApiKeyRecord } from '@kitiumai/auth-postgres';
import type { Request } from 'express';
import { field, form } from '../web/forms.ts';
import { html, time } from '../web/html.ts';
import type { Page } from '../web/layout.ts';
import { SCOPES } from './scopes.ts';

export function apiKeysPage(request: Request, keys: ApiKeyRecord[], problem?: string): Page {
  const scopes = Object.entries(SCOPES).map(
    ([scope, label]) =>
      html`<label class="check"><input type="checkbox" name="scopes" value="${scope}"> ${label}</label>`,
  );
  const content = html`
    <h1>API keys</h1>
    <p>A program sends one as <code>Authorization: Bearer …</code>, for example to <code>/api/me</code>.</p>
    ${keys.length === 0 && html`<p class="muted">You have none.</p>`}
    <ul class="plain">${keys.map((key) => keyRow(request, key))}</ul>
    <section class="card">
      <h2>New key</h2>
      ${form(
        request,
        '/account/api-keys',
        html`
          ${field({ label: 'Name', name: 'name' })}
          <fieldset><legend>What it is for</legend>${scopes}</fieldset>
          <label>It expires after
            <select name="days">
              <option value="30">30 days</option><option value="90" selected>90 days</option><option value="365">a year</option>
            </select>
          </label>
          <button>Make the key</button>`,
      )}
    </section>`;
  return { title: 'API keys', content, problem };
}

export function newKeyPage(key: string): Page {
  const content = html`
    <h1>Your new key</h1>
    <p>It is shown this one time. Only a hash of it is stored.</p>
    <p><code class="secret" id="api-key">${key}</code></p>
    <p><a class="button" href="/account/api-keys">I have kept it</a></p>`;
  return { title: 'Your new key', content };
}

function keyRow(request: Request, { id, prefix, lastFour, metadata, scopes, expiresAt }: ApiKeyRecord) {
  return html`
    <li class="card row">
      <div>
        <strong>${metadata.name ?? 'Without a name'}</strong> <code>${prefix}_…${lastFour}</code>
        <p class="muted">${scopes.join(', ')}${expiresAt && html`, until ${time(expiresAt)}`}</p>
      </div>
      ${form(
        request,
        '/account/api-keys/revoke',
        html`
        <input type="hidden" name="id" value="${id}">
        <button class="danger" aria-label="Revoke ${metadata.name ?? lastFour}">Revoke</button>`,
      )}
    </li>`;
}
