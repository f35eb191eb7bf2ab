/** API keys as a table, and the form that makes one. Their hashes stay on the server. */

const { actionForm, disclosure, hidden, input, offered, select, textarea } = require('../html/forms.js');
const { html } = require('../html/html.js');
const { badge, badges, card, empty } = require('../html/parts.js');
const { table } = require('../html/table.js');
const { time } = require('../html/time.js');
const { toSegment } = require('../paths.js');

/** @import { ApiKeyRecord } from '@kitiumai/auth-postgres' */
/** @import { Visit } from '../visit.js' */

/** In days; the names of the choices. */
const LIFETIMES = /** @type {const} */ ([
  ['', 'Never'],
  ['7', 'In 7 days'],
  ['30', 'In 30 days'],
  ['90', 'In 90 days'],
  ['365', 'In a year'],
]);
const MOST_KEYS = 100;

/**
 * The keys of a user or an organization.
 *
 * @param {Visit} visit
 * @param {string} principalId
 */
async function apiKeyCard(visit, principalId) {
  const keys = await visit.storage.listApiKeys(principalId);
  const list = keys.length === 0 ? empty('There are no API keys.') : keyTable(visit, keys.slice(0, MOST_KEYS));
  const rest =
    keys.length > MOST_KEYS && html`<p class="foot">The newest ${MOST_KEYS} of ${keys.length} keys are shown.</p>`;
  const create = offered(visit, 'api-keys:write', () => disclosure('New API key', createForm(visit, principalId)));
  return card('API keys', html`${list}${rest}${create}`, { count: keys.length });
}

/**
 * @param {Visit} visit
 * @param {readonly ApiKeyRecord[]} keys
 */
function keyTable(visit, keys) {
  return table(
    'API keys, the newest first',
    [
      { head: 'Key', kind: 'main', cell: (key) => keyLink(visit, key) },
      { head: 'Scopes', cell: ({ scopes }) => badges(scopes) },
      { head: 'Created', cell: ({ createdAt }) => time(createdAt) },
      { head: 'Expires', cell: (key) => keyExpiry(key) },
    ],
    keys,
    ({ id }) => id,
  );
}

/** @param {Pick<ApiKeyRecord, 'prefix' | 'lastFour'>} key */
function keyText({ prefix, lastFour }) {
  return `${prefix}_…${lastFour}`;
}

/**
 * @param {Visit} visit
 * @param {ApiKeyRecord} key
 */
function keyLink(visit, key) {
  const { name } = key.metadata;
  return html`<a href="${visit.href(`/api-keys/${toSegment(key.id)}`)}"><code>${keyText(key)}</code></a>${
    name && html` <span class="faint">${name}</span>`
  }`;
}

/** @param {ApiKeyRecord} key */
function keyExpiry({ expiresAt }) {
  if (expiresAt === undefined) return time(undefined);
  return expiresAt.getTime() <= Date.now() ? html`${badge('expired', 'bad')} ${time(expiresAt)}` : time(expiresAt);
}

/**
 * @param {Visit} visit
 * @param {string} principalId
 */
function createForm(visit, principalId) {
  const fields = html`${hidden('principal', principalId)}
${input('name', 'Name', { hint: 'What the key is for', scope: 'key' })}
${input('prefix', 'Prefix', { value: 'api', hint: 'The key begins with it', required: true, scope: 'key' })}
${select('days', 'Expires', LIFETIMES, { value: '90', scope: 'key' })}
${textarea('scopes', 'Scopes', { hint: 'One a line', scope: 'key' })}`;
  return actionForm(visit, '/api-keys/create', fields, 'Create API key', { className: 'form' });
}

module.exports = { apiKeyCard, keyExpiry, keyTable, keyText, LIFETIMES };
