import fc from 'fast-check';
import { call, callOf, callWithOptional } from '../call';
import { edit, input, patch } from '../records';
import { hostile, id, jsonObject, key, readId, text, texts, time } from '../values';

const OIDC = { metadata_url: text, client_id: text, client_secret: text, redirect_uris: texts };
const SAML = { idp_entity_id: text, idp_sso_url: text, sp_entity_id: text, sp_acs_url: text };
const ENTRY_POINT = { enabled: fc.boolean(), entryPoint: text, issuer: text, cert: text };
const MAY = {
  orgId: id,
  scopes: texts,
  response_type: text,
  token_endpoint_auth_method: text,
  claim_mapping: jsonObject,
  idp_slo_url: text,
  idp_certificate: text,
  sp_slo_url: text,
  signing_cert: text,
  signing_key: text,
  encryption_enabled: fc.boolean(),
  force_authn: fc.boolean(),
  allow_unencrypted_assertion: fc.boolean(),
  attribute_mapping: jsonObject,
  metadata: jsonObject,
  further: hostile,
  want_signed: fc.oneof(text, fc.boolean(), jsonObject),
};
/** Left out of a record more often than not. */
const some = Object.fromEntries(
  Object.entries(MAY).map(([name, value]) => [name, fc.oneof(fc.constant(undefined), fc.constant(undefined), value)]),
);

const camelCase = (name: string) => name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());

/** Some keys in camelCase. */
const respelled = (record: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.tuple(record, fc.nat(3)).map(([given, at]) => {
    if (at > 0 || typeof given !== 'object' || given === null) return given;
    if (Object.getPrototypeOf(given) !== Object.prototype) return given;
    return Object.fromEntries(Object.entries(given).map(([name, value]) => [camelCase(name), value]));
  });

const type = <T>(value: T) =>
  fc.oneof({ weight: 12, arbitrary: fc.constant(value) }, { weight: 1, arbitrary: hostile });
const oidc = respelled(input({ type: type('oidc'), name: text, ...OIDC }, some));
const saml = respelled(input({ type: type('saml'), name: text, ...SAML }, some));
const byEntryPoint = input({ type: type('saml'), name: text, ...ENTRY_POINT }, some);
const change = respelled(
  patch(
    'providers',
    { type: fc.constantFrom('oidc', 'saml'), name: text },
    { ...OIDC, ...SAML, ...ENTRY_POINT, ...MAY },
  ),
);
const smallChange = respelled(
  patch('providers', { name: text }, { client_id: text, further: hostile, orgId: id, metadata: jsonObject }),
);

const subject = fc.oneof({ weight: 4, arbitrary: fc.constantFrom('1', '2', '3') }, { weight: 1, arbitrary: key });
const providerType = fc.constantFrom('saml', 'oidc', 'oauth');
const providerId = fc.oneof({ weight: 2, arbitrary: fc.constant('a') }, { weight: 1, arbitrary: id });
const NEEDS = { userId: id, providerId, providerType, providerSubject: subject };

const link = input(NEEDS, {
  providerEmail: text,
  autoProvisioned: fc.boolean(),
  metadata: jsonObject,
  linkedAt: time,
  lastAuthAt: time,
});
const session = input({ ...NEEDS, expiresAt: time }, { sessionToken: text, linkedAt: time, lastAuthAt: time });

export const sso = [
  call('createSSOProvider', oidc),
  call('createSSOProvider', saml),
  call('createSSOProvider', byEntryPoint),
  call('getSSOProvider', readId),
  call('updateSSOProvider', readId, change),
  call('updateSSOProvider', id, smallChange),
  call('updateSSOProvider', fc.constant('a'), smallChange),
  callOf('updateSSOProvider', edit('providers', smallChange)),
  call('deleteSSOProvider', readId),
  callWithOptional('listSSOProviders', [], readId),
  call('createSSOLink', link),
  call('createSSOLink', link),
  call('getSSOLink', readId),
  call('getSSOLinkBySubject', fc.oneof(providerId, readId), fc.oneof(subject, readId)),
  call('getUserSSOLinks', readId),
  call('deleteSSOLink', readId),
  call('createSSOSession', session),
  call('getSSOSession', readId),
];

const config = {
  createdAt: hostile,
  updatedAt: hostile,
  idpEntityId: text,
  list: texts,
  nested: jsonObject,
  any: hostile,
};
const tenantId = fc.oneof({ weight: 4, arbitrary: fc.constantFrom('t', 'u') }, { weight: 1, arbitrary: readId });

export const tenants = [
  call('storeTenantSAMLConfig', input({ tenantId: fc.constantFrom('t', 'u') }, config)),
  call('storeTenantSAMLConfig', input({ tenantId: key }, config)),
  call('getTenantSAMLConfig', tenantId),
  call('updateTenantSAMLConfig', tenantId, patch('samlConfigs', {}, { ...config, tenantId: hostile })),
  call('getTenantSAMLConfigRecord', tenantId),
  callOf('updateTenantSAMLConfig', edit('samlTimes', patch('samlConfigs', {}, config), 'tenantId')),
  call('deleteTenantSAMLConfig', tenantId),
];
