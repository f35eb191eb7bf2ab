/** What is shown of an SSO provider. Only the fields named here leave the server, and of secrets only whether they are set. */

const { html } = require('../html/html.js');
const { badge, code } = require('../html/parts.js');
const { table } = require('../html/table.js');
const { time } = require('../html/time.js');
const { toSegment } = require('../paths.js');

/** @import { SSOProvider } from '@kitiumai/auth-postgres' */
/** @import { Visit } from '../visit.js' */

/** @type {Record<'oidc' | 'saml', readonly (readonly [field: string, label: string])[]>} */
const SHOWN = {
  oidc: [
    ['metadata_url', 'Metadata URL'],
    ['client_id', 'Client id'],
    ['redirect_uris', 'Redirect URIs'],
    ['scopes', 'Scopes'],
    ['response_type', 'Response type'],
    ['token_endpoint_auth_method', 'Authentication at the token endpoint'],
  ],
  saml: [
    ['idp_entity_id', 'Entity id of the provider'],
    ['idp_sso_url', 'Sign-in URL of the provider'],
    ['idp_slo_url', 'Sign-out URL of the provider'],
    ['entryPoint', 'Entry point'],
    ['issuer', 'Issuer'],
    ['sp_entity_id', 'Own entity id'],
    ['sp_acs_url', 'Own assertion URL'],
    ['sp_slo_url', 'Own sign-out URL'],
    ['force_authn', 'Asks for the password each time'],
    ['encryption_enabled', 'Encrypts assertions'],
    ['allow_unencrypted_assertion', 'Accepts assertions that are not encrypted'],
  ],
};
/** @type {Record<'oidc' | 'saml', readonly (readonly [field: string, label: string])[]>} */
const MASKED = {
  oidc: [['client_secret', 'Client secret']],
  saml: [
    ['idp_certificate', 'Certificate of the provider'],
    ['cert', 'Certificate'],
    ['signing_cert', 'Own certificate'],
    ['signing_key', 'Own key'],
  ],
};

/**
 * @param {SSOProvider} provider
 * @returns {[string, unknown][]}
 */
function shownFields(provider) {
  const fields = /** @type {Record<string, unknown>} */ (provider);
  const shown = SHOWN[provider.type].filter(([field]) => fields[field] !== undefined && fields[field] !== null);
  const masked = MASKED[provider.type].filter(([field]) => typeof fields[field] === 'string');
  return [
    ...shown.map(([field, label]) => /** @type {[string, unknown]} */ ([label, shownValue(fields[field])])),
    ...masked.map(
      ([, label]) => /** @type {[string, unknown]} */ ([label, html`<span class="faint">set, and not shown</span>`]),
    ),
  ];
}

/** @param {unknown} value */
function shownValue(value) {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (Array.isArray(value)) return value.map((each) => html`<div>${`${each}`}</div>`);
  return `${value}`;
}

/**
 * @param {Visit} visit
 * @param {readonly SSOProvider[]} providers
 * @param {{ isOfOne?: boolean }} [options] `isOfOne`: all belong to the organization of the page
 */
function providerTable(visit, providers, { isOfOne = false } = {}) {
  /** @type {import('../html/table.js').Column<SSOProvider>[]} */
  const columns = [
    {
      head: 'Provider',
      kind: 'main',
      cell: ({ id, name, type }) =>
        html`<a href="${visit.href(`/sso/${toSegment(id)}`)}">${name}</a> ${badge(type.toUpperCase())}`,
    },
    { head: 'Changed', cell: ({ updatedAt }) => time(updatedAt) },
  ];
  if (!isOfOne) columns.push({ head: 'Organization', cell: ({ orgId }) => organizationOf(visit, orgId) });
  return table('SSO providers, the newest first', columns, providers, ({ id }) => id);
}

/**
 * @param {Visit} visit
 * @param {string | undefined} orgId
 */
function organizationOf(visit, orgId) {
  return orgId === undefined
    ? html`<span class="faint">for everybody</span>`
    : html`<a href="${visit.href(`/organizations/${toSegment(orgId)}`)}">${code(orgId)}</a>`;
}

module.exports = { organizationOf, providerTable, shownFields };
