/** SSO providers, and a single one. */

const { actionForm, disclosure, hidden, input, offered, select, textarea } = require('../html/forms.js');
const { html } = require('../html/html.js');
const { jsonBlock } = require('../html/json.js');
const { badge, card, code, empty, facts } = require('../html/parts.js');
const { exactTime } = require('../html/time.js');
const { toSegment } = require('../paths.js');
const { notFound } = require('../refusal.js');
const { organizationOf, providerTable, shownFields } = require('./sso-parts.js');

/** @import { SSOProvider } from '@kitiumai/auth-postgres' */
/** @import { Visit } from '../visit.js' */

const MOST_PROVIDERS = 500;
const YES_NO = /** @type {const} */ ([
  ['no', 'No'],
  ['yes', 'Yes'],
]);
const KEPT = 'It is not shown. Leave it empty to keep it';

/** @param {Visit} visit */
async function ssoPage(visit) {
  const providers = await visit.storage.listSSOProviders();
  const list =
    providers.length === 0
      ? empty('There are no providers.', 'With one, people sign in with the account of their company.')
      : providerTable(visit, providers.slice(0, MOST_PROVIDERS));
  const create = offered(
    visit,
    'sso:write',
    () => html`${disclosure('New OpenID Connect provider', form(visit, '/sso/create', 'oidc'))}
${disclosure('New SAML provider', form(visit, '/sso/create', 'saml'))}`,
  );
  return { title: 'Single sign-on', body: card('Providers', html`${list}${create}`, { count: providers.length }) };
}

/**
 * @param {Visit} visit
 * @param {Record<string, string>} params
 */
async function ssoProviderPage(visit, { id = '' }) {
  const { storage, settings } = visit;
  const provider = await storage.getSSOProvider(id);
  if (provider === null) throw notFound('provider');
  const path = `/sso/${toSegment(id)}`;
  const entries = /** @type {[string, unknown][]} */ ([
    ['Organization', organizationOf(visit, provider.orgId)],
    ...shownFields(provider),
    ['Created', exactTime(provider.createdAt)],
    ['Changed', exactTime(provider.updatedAt)],
    ['Id', code(provider.id)],
    ['Metadata', jsonBlock(provider.metadata, settings.hiddenKeys)],
  ]);
  const actions = offered(
    visit,
    'sso:write',
    () => html`${card('Edit', form(visit, `${path}/edit`, provider.type, provider))}
${card('Delete', html`<p>Deletes the provider with the links of users to it. Nobody can sign in with it any more.</p>${actionForm(visit, `${path}/delete`, '', 'Delete this provider', { tone: 'danger', className: 'form narrow', asks: true })}`, { tone: 'danger' })}`,
  );
  return {
    title: provider.name,
    crumbs: /** @type {[string, string][]} */ ([['Single sign-on', '/sso']]),
    head: html`<h1>${provider.name} ${badge(provider.type.toUpperCase(), 'accent')}</h1>`,
    body: html`<div class="columns"><div class="stack">${card('Provider', facts(entries))}</div><div class="stack">${actions}</div></div>`,
  };
}

/**
 * The form of a new provider, or of one that is there; secrets are never filled in.
 *
 * @param {Visit} visit
 * @param {string} path
 * @param {'oidc' | 'saml'} type
 * @param {SSOProvider} [provider]
 */
function form(visit, path, type, provider) {
  const fields = /** @type {Record<string, unknown>} */ (provider ?? {});
  const text = (/** @type {string} */ name) => (typeof fields[name] === 'string' ? `${fields[name]}` : '');
  const lines = (/** @type {string} */ name) => (Array.isArray(fields[name]) ? fields[name].join('\n') : '');
  const isNew = provider === undefined;
  const common = html`${hidden('type', type)}${provider && hidden('seen', provider.updatedAt.toISOString())}
${input('name', 'Name', { value: text('name'), required: true, scope: type })}
${isNew && input('org', 'Organization', { hint: 'Its id. Empty: for everybody', scope: type })}`;
  const secretHint = isNew ? '' : KEPT;
  const own =
    type === 'oidc'
      ? html`${input('metadata_url', 'Metadata URL', { value: text('metadata_url'), type: 'url', required: isNew, scope: type })}
${input('client_id', 'Client id', { value: text('client_id'), required: isNew, scope: type })}
${input('client_secret', 'Client secret', { type: 'password', required: isNew, hint: secretHint, autocomplete: 'new-password', scope: type })}
${textarea('redirect_uris', 'Redirect URIs', { value: lines('redirect_uris'), required: isNew, hint: 'One a line', scope: type })}
${textarea('scopes', 'Scopes', { value: isNew ? 'openid\nemail\nprofile' : lines('scopes'), hint: 'One a line', scope: type })}`
      : html`${input('idp_entity_id', 'Entity id of the provider', { value: text('idp_entity_id'), required: isNew, scope: type })}
${input('idp_sso_url', 'Sign-in URL of the provider', { value: text('idp_sso_url'), type: 'url', required: isNew, scope: type })}
${input('sp_entity_id', 'Own entity id', { value: text('sp_entity_id'), required: isNew, scope: type })}
${input('sp_acs_url', 'Own assertion URL', { value: text('sp_acs_url'), type: 'url', required: isNew, scope: type })}
${select('force_authn', 'Asks for the password each time', YES_NO, { value: fields.force_authn === true ? 'yes' : 'no', scope: type })}
${textarea('idp_certificate', 'Certificate of the provider', { hint: isNew ? 'In PEM' : KEPT, scope: type })}`;
  const button = isNew ? 'Create provider' : 'Save';
  return actionForm(visit, path, html`${common}${own}`, button, { className: isNew ? 'form' : 'form narrow' });
}

module.exports = { ssoPage, ssoProviderPage };
