/** API keys, found by what people see of a key or by whom it belongs to, and a single key. */

const { actionForm, input, offered, select } = require('../html/forms.js');
const { html } = require('../html/html.js');
const { jsonBlock } = require('../html/json.js');
const { badges, card, code, empty, facts, userLink } = require('../html/parts.js');
const { exactTime } = require('../html/time.js');
const { toSegment } = require('../paths.js');
const { notFound } = require('../refusal.js');
const { keyExpiry, keyTable, keyText } = require('./api-key-parts.js');

/** @import { ApiKeyRecord } from '@kitiumai/auth-postgres' */
/** @import { Visit } from '../visit.js' */

const MOST_KEYS = 200;
/** In hours; how long the old key goes on. */
const OVERLAPS = /** @type {const} */ ([
  ['0', 'It ends now'],
  ['1', 'It ends in an hour'],
  ['24', 'It ends in a day'],
  ['168', 'It ends in 7 days'],
]);

/** @param {Visit} visit */
async function apiKeysPage(visit) {
  const { query } = visit;
  const { prefix, last, principal } = query;
  const keys = await findKeys(visit);
  const body = html`<form class="filters" role="search" method="get" action="${visit.href('/api-keys')}">
${input('prefix', 'Prefix', { value: prefix ?? '', placeholder: 'api', scope: 'filter' })}
${input('last', 'Last four', { value: last ?? '', placeholder: '3f9a', scope: 'filter' })}
${input('principal', 'Or: id of a user or an organization', { value: principal ?? '', scope: 'filter' })}
<button class="button primary" type="submit">Find</button>
</form>
${keys === null ? card('How to find a key', html`<p>Give the prefix and the last four characters of a key as they stand in a log or in somebody’s settings, or the id of the user or the organization that it belongs to. The key itself is stored nowhere.</p>`) : card('Keys found', keys.length === 0 ? empty('No key was found.') : keyTable(visit, keys.slice(0, MOST_KEYS)), { count: keys.length })}`;
  return { title: 'API keys', body };
}

/**
 * @param {Visit} visit
 * @returns {Promise<ApiKeyRecord[] | null>} `null` if nothing was looked for
 */
async function findKeys({ storage, query: { prefix, last, principal } }) {
  if (principal !== undefined) return storage.listApiKeys(principal);
  if (prefix !== undefined && last !== undefined) return storage.getApiKeysByPrefixAndLastFour(prefix, last);
  return null;
}

/**
 * @param {Visit} visit
 * @param {Record<string, string>} params
 */
async function apiKeyPage(visit, { id = '' }) {
  const { storage, settings } = visit;
  const key = await storage.getApiKey(id);
  if (key === null) throw notFound('API key');
  const [user, organization] = await Promise.all([
    storage.getUser(key.principalId),
    storage.getOrganization(key.principalId),
  ]);
  const owner = user
    ? userLink(visit, user)
    : organization &&
      html`<a href="${visit.href(`/organizations/${toSegment(organization.id)}`)}">${organization.name}</a>`;
  const isLive = key.expiresAt === undefined || key.expiresAt.getTime() > Date.now();
  const entries = /** @type {[string, unknown][]} */ ([
    ['Belongs to', owner ?? code(key.principalId)],
    ['Key', html`<code>${keyText(key)}</code>`],
    ['Scopes', badges(key.scopes)],
    ['Expires', keyExpiry(key)],
    ['Created', exactTime(key.createdAt)],
    ['Changed', exactTime(key.updatedAt)],
    ['Id', code(key.id)],
    ['Metadata', jsonBlock(key.metadata, settings.hiddenKeys)],
  ]);
  const body = html`<div class="columns"><div class="stack">${card('API key', facts(entries))}</div><div class="stack">${offered(
    visit,
    'api-keys:write',
    () => html`${isLive && card('Rotate', html`<p>Makes a new key with the same scopes and expiry.</p>${rotateForm(visit, key)}`)}
${card('Revoke', html`<p>Deletes the key. Whoever uses it is refused from then on.</p>${actionForm(visit, `/api-keys/${toSegment(id)}/revoke`, '', 'Revoke this key', { tone: 'danger', className: 'form narrow', asks: true })}`, { tone: 'danger' })}`,
  )}</div></div>`;
  return { title: keyText(key), crumbs: /** @type {[string, string][]} */ ([['API keys', '/api-keys']]), body };
}

/**
 * @param {Visit} visit
 * @param {ApiKeyRecord} key
 */
function rotateForm(visit, { id }) {
  const fields = select('overlap', 'The old key', OVERLAPS, { value: '0', scope: 'rotate' });
  return actionForm(visit, `/api-keys/${toSegment(id)}/rotate`, fields, 'Rotate', {
    className: 'form narrow',
    asks: true,
  });
}

module.exports = { apiKeyPage, apiKeysPage };
