/** What can be done to SSO providers. */

const { toSegment } = require('../paths.js');
const { notFound, Refusal } = require('../refusal.js');

/** @import { PostgresTransaction, SSOProvider, SSOProviderInput } from '@kitiumai/auth-postgres' */
/** @import { Action, Call, Form } from './action.js' */

/** What a form can set, by how it is read. An empty secret is one that stays. */
const FIELDS = {
  oidc: {
    text: ['metadata_url', 'client_id'],
    lines: ['redirect_uris', 'scopes'],
    secret: ['client_secret'],
    yesNo: [],
  },
  saml: {
    text: ['idp_entity_id', 'idp_sso_url', 'sp_entity_id', 'sp_acs_url'],
    lines: [],
    secret: ['idp_certificate'],
    yesNo: ['force_authn'],
  },
};

/** @param {string} id */
function pathOf(id) {
  return `/sso/${toSegment(id)}`;
}

/**
 * @param {Form} form
 * @param {'oidc' | 'saml'} type
 */
function readFields(form, type) {
  const { text, lines, secret, yesNo } = FIELDS[type];
  return Object.fromEntries([
    ...text.flatMap((name) => (form.text(name) ? [[name, form.text(name)]] : [])),
    ...lines.map((name) => [name, form.lines(name)]),
    ...secret.flatMap((name) => (form.text(name) ? [[name, form.text(name)]] : [])),
    ...yesNo.map((name) => [name, form.text(name) === 'yes']),
  ]);
}

/** @param {Pick<SSOProvider, 'id' | 'name' | 'orgId'>} provider */
function aboutProvider({ id, name, orgId }) {
  return { principalId: id, orgId, data: { name } };
}

/** @type {Action} */
const createProvider = {
  path: '/sso/create',
  permission: 'sso:write',
  event: 'console.sso_provider.created',
  async run(tx, { form }) {
    const type = form.text('type');
    if (type !== 'oidc' && type !== 'saml') throw new Refusal(400, 'A provider is of the type oidc or saml.');
    const input = { type, name: form.required('name'), orgId: form.optional('org'), ...readFields(form, type) };
    const provider = await tx.createSSOProvider(/** @type {SSOProviderInput} */ (input));
    return { about: aboutProvider(provider), to: pathOf(provider.id), done: 'sso-provider-created' };
  },
};

/**
 * @param {Call['visit']['storage'] | PostgresTransaction} storage
 * @param {string} id
 */
async function getProvider(storage, id) {
  const provider = await storage.getSSOProvider(id);
  if (provider === null) throw notFound('provider');
  return provider;
}

/** @type {Action} */
const editProvider = {
  path: '/sso/:id/edit',
  permission: 'sso:write',
  event: 'console.sso_provider.changed',
  async run(tx, { params: { id = '' }, form }) {
    const { type } = await getProvider(tx, id);
    const fields = readFields(form, type);
    const provider = await tx.updateSSOProvider(
      id,
      { name: form.required('name'), ...fields },
      { ifUpdatedAt: form.optional('seen') },
    );
    return { about: aboutProvider(provider), to: pathOf(id), done: 'sso-provider-changed' };
  },
};

/** @type {Action} */
const deleteProvider = {
  path: '/sso/:id/delete',
  permission: 'sso:write',
  event: 'console.sso_provider.deleted',
  async ask({ visit, params: { id = '' } }) {
    const { name } = await getProvider(visit.storage, id);
    return {
      title: `Delete ${name}?`,
      text: 'Nobody can sign in with it any more, and the links of users to it are deleted.',
      button: 'Delete the provider',
      back: pathOf(id),
      typed: name,
    };
  },
  async run(tx, { params: { id = '' } }) {
    const provider = await getProvider(tx, id);
    await tx.deleteSSOProvider(id);
    return { about: aboutProvider(provider), to: '/sso', done: 'sso-provider-deleted' };
  },
};

module.exports = { SSO_ACTIONS: [createProvider, editProvider, deleteProvider] };
