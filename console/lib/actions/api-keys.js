/** What can be done to API keys. A new key is shown by the page that follows, and never again. */

const { html } = require('../html/html.js');
const { card, facts } = require('../html/parts.js');
const { keyText } = require('../pages/api-key-parts.js');
const { toSegment } = require('../paths.js');
const { notFound, Refusal } = require('../refusal.js');

/** @import { ApiKeyRecord, PostgresTransaction } from '@kitiumai/auth-postgres' */
/** @import { Action, Call } from './action.js' */

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MOST_DAYS = 3_660;
const MOST_HOURS = 24 * 31;
const PREFIX = /^[A-Za-z0-9_-]{1,32}$/;

/** @param {string} id */
function pathOf(id) {
  return `/api-keys/${toSegment(id)}`;
}

/**
 * @param {Call['visit']['storage'] | PostgresTransaction} storage
 * @param {string} id
 */
async function getKey(storage, id) {
  const key = await storage.getApiKey(id);
  if (key === null) throw notFound('API key');
  return key;
}

/**
 * @param {string} text
 * @param {number} most
 * @param {string} what
 */
function readAmount(text, most, what) {
  const amount = Number(text);
  if (!Number.isInteger(amount) || amount < 0 || amount > most)
    throw new Refusal(422, `${what} must be from 0 to ${most}.`);
  return amount;
}

/**
 * The page that shows a key, the only one that ever does.
 *
 * @param {string} title
 * @param {string} key
 * @param {ApiKeyRecord} record
 * @param {Call} call
 */
function keyPage(title, key, record, { visit }) {
  const body = card(
    'Copy the key now',
    html`<p>It is shown this once. The database has its hash only, so that nobody can look it up later.</p>
<div class="pad"><code class="secret" tabindex="0">${key}</code></div>
${facts([
  ['Belongs to', record.principalId],
  ['Scopes', record.scopes.join(', ') || undefined],
])}
<div class="card-foot"><a class="button primary" href="${visit.href(pathOf(record.id))}">I have copied it</a></div>`,
  );
  return { title, body, crumbs: /** @type {[string, string][]} */ ([['API keys', '/api-keys']]) };
}

/** @type {Action} */
const createApiKey = {
  path: '/api-keys/create',
  permission: 'api-keys:write',
  event: 'console.api_key.created',
  async run(tx, call) {
    const { form } = call;
    const prefix = form.text('prefix') || 'api';
    if (!PREFIX.test(prefix))
      throw new Refusal(422, 'A prefix has letters, digits, dashes and underscores, 32 at most.');
    const days = form.text('days') === '' ? 0 : readAmount(form.text('days'), MOST_DAYS, 'The days');
    const { key, record } = await tx.createApiKeyWithSecret(form.text('principal'), form.lines('scopes'), prefix);
    const name = form.text('name');
    const made = await tx.updateApiKey(record.id, {
      ...(name && { metadata: { name } }),
      ...(days > 0 && { expiresAt: new Date(Date.now() + days * DAY_MS) }),
    });
    const data = { keyId: made.id, prefix, lastFour: made.lastFour, scopes: made.scopes };
    return { about: { principalId: made.principalId, data }, page: keyPage('New API key', key, made, call) };
  },
};

/** @type {Action} */
const rotateApiKey = {
  path: '/api-keys/:id/rotate',
  permission: 'api-keys:write',
  event: 'console.api_key.rotated',
  async ask({ visit, params: { id = '' }, form }) {
    const hours = readAmount(form.text('overlap') || '0', MOST_HOURS, 'The hours');
    const when = hours === 0 ? 'at once' : `in ${hours} h`;
    return {
      title: `Rotate ${keyText(await getKey(visit.storage, id))}?`,
      text: `A new key is made and shown once. The old one ends ${when}.`,
      button: 'Rotate the key',
      back: pathOf(id),
    };
  },
  async run(tx, call) {
    const { id = '' } = call.params;
    const hours = readAmount(call.form.text('overlap') || '0', MOST_HOURS, 'The hours');
    const expiresOldKeysAt = hours === 0 ? null : new Date(Date.now() + hours * HOUR_MS);
    const { key, record } = await tx.rotateApiKey(id, { expiresOldKeysAt });
    const data = {
      keyId: record.id,
      replaces: id,
      prefix: record.prefix,
      lastFour: record.lastFour,
      overlapHours: hours,
    };
    return { about: { principalId: record.principalId, data }, page: keyPage('The new API key', key, record, call) };
  },
};

/** @type {Action} */
const revokeApiKey = {
  path: '/api-keys/:id/revoke',
  permission: 'api-keys:write',
  event: 'console.api_key.revoked',
  async ask({ visit, params: { id = '' } }) {
    return {
      title: `Revoke ${keyText(await getKey(visit.storage, id))}?`,
      text: 'Whoever uses the key is refused from then on. It cannot be brought back.',
      button: 'Revoke the key',
      back: pathOf(id),
    };
  },
  async run(tx, { params: { id = '' } }) {
    const { principalId, prefix, lastFour } = await getKey(tx, id);
    await tx.deleteApiKey(id);
    const data = { keyId: id, prefix, lastFour };
    return { about: { principalId, data }, to: '/api-keys', done: 'api-key-revoked' };
  },
};

module.exports = { API_KEY_ACTIONS: [createApiKey, rotateApiKey, revokeApiKey] };
