/** The methods for single sign-on: providers, links, sessions and the keys of their records. */
import { useDatabase } from './helpers/database';
import { expectCode, expectInvalidInput } from './helpers/errors';
import { makeWorld, type World } from './helpers/families';
import {
  anHourAgo,
  inAnHour,
  oidcProviderInput,
  organizationInput,
  samlProviderInput,
  ssoLinkInput,
  ssoSessionInput,
  unique,
} from './helpers/fixtures';
import { FIRST } from './helpers/migrations';
import { ids, tie } from './helpers/order';

const db = useDatabase();
let world: World;
let userId: string;
let orgId: string;

beforeAll(async () => {
  world = await makeWorld(db.storage);
  ({ userId, orgId } = world);
});

it('createSSOProvider accepts camelCase, returns snake_case, and keeps unknown fields; updateSSOProvider merges into them', async () => {
  const { metadata_url, client_id, client_secret, redirect_uris, ...rest } = oidcProviderInput();
  const camel = {
    metadataUrl: metadata_url,
    clientId: client_id,
    clientSecret: client_secret,
    redirectUris: redirect_uris,
  };
  const provider = await db.storage.createSSOProvider({ ...rest, ...camel, tenant: { a: [1] } } as never);
  expect(provider).toMatchObject({ metadata_url, client_id, client_secret, redirect_uris, tenant: { a: [1] } });
  const updated = await db.storage.updateSSOProvider(provider.id, { clientId: 'new', other: 1 });
  expect(updated).toMatchObject({ client_id: 'new', other: 1, tenant: { a: [1] } });
  expect(await db.storage.updateSSOProvider(provider.id, { tenant: null })).not.toHaveProperty('tenant');
  await expectInvalidInput(db.storage.updateSSOProvider(provider.id, { client_id: null }), 'client_id');
  await expectInvalidInput(db.storage.updateSSOProvider(provider.id, { type: 'saml' }), 'type');
});

it('listSSOProviders returns the providers of an organization and the global ones, or all without an organization', async () => {
  const other = await db.storage.createOrganization(organizationInput());
  const [own, foreign, global] = await Promise.all([
    db.storage.createSSOProvider(oidcProviderInput({ orgId })),
    db.storage.createSSOProvider(oidcProviderInput({ orgId: other.id })),
    db.storage.createSSOProvider(oidcProviderInput()),
  ]);
  const listed = ids(await db.storage.listSSOProviders(orgId));
  expect(listed).toEqual(expect.arrayContaining([own.id, global.id]));
  expect(listed).not.toContain(foreign.id);
  expect(ids(await db.storage.listSSOProviders())).toEqual(expect.arrayContaining([own.id, foreign.id, global.id]));
});

it('createSSOLink rejects a subject that is linked already, getUserSSOLinks keeps an order, and getSSOSession returns null after the expiry', async () => {
  const { id } = await db.storage.createUser({});
  const link = await db.storage.createSSOLink(ssoLinkInput(id, world.providerId));
  const again = ssoLinkInput(userId, world.providerId, { providerSubject: link.providerSubject });
  await expectCode(db.storage.createSSOLink(again), 'conflict', { field: 'providerSubject' });
  const links = [link, await db.storage.createSSOLink(ssoLinkInput(id, world.providerId))];
  const order = await tie(db, 'sso_links', links, 'linked_at');
  expect(ids(await db.storage.getUserSSOLinks(id))).toEqual(order);
  expect(await db.storage.getUserSSOLinks('')).toEqual([]);
  const late = await db.storage.createSSOSession(ssoSessionInput(id, world.providerId, { expiresAt: anHourAgo() }));
  expect(await db.storage.getSSOSession(late.id)).toBeNull();
});

it('createSSOProvider rejects an unknown type, and a provider without a field that its type requires', async () => {
  const { client_secret, ...oidc } = oidcProviderInput();
  await expectInvalidInput(db.storage.createSSOProvider(oidc as never), 'client_secret');
  const { sp_acs_url, ...saml } = samlProviderInput();
  await expectInvalidInput(db.storage.createSSOProvider(saml as never), 'sp_acs_url');
  await expectInvalidInput(
    db.storage.createSSOProvider({ ...(oidcProviderInput() as object), type: 'ldap' } as never),
    'type',
  );
  await expectInvalidInput(
    db.storage.createSSOProvider(oidcProviderInput({ redirect_uris: 'x' }) as never),
    'redirect_uris',
  );
  await expectInvalidInput(
    db.storage.createSSOProvider(samlProviderInput({ force_authn: 'yes' }) as never),
    'force_authn',
  );
});

it('listSSOProviders returns only the global providers for an unknown or empty organization', async () => {
  const { id } = await db.storage.createSSOProvider(oidcProviderInput());
  const { id: own } = await db.storage.createSSOProvider(oidcProviderInput({ orgId }));
  for (const nobody of [unique('none'), '']) {
    const listed = ids(await db.storage.listSSOProviders(nobody));
    expect(listed).toContain(id);
    expect(listed).not.toContain(own);
  }
});

it('listSSOProviders orders providers with the same time of creation by descending id', async () => {
  const providers = await Promise.all([1, 2, 3].map(() => db.storage.createSSOProvider(oidcProviderInput({ orgId }))));
  const order = await tie(db, 'sso_providers', providers);
  expect(ids(await db.storage.listSSOProviders(orgId)).slice(-3)).toEqual(order);
});

it('getSSOLinkBySubject finds who signs in with an account, and nobody by the same subject at another provider', async () => {
  const [one, other] = ids(await Promise.all([1, 2].map(() => db.storage.createSSOProvider(oidcProviderInput())))) as [
    string,
    string,
  ];
  const link = await db.storage.createSSOLink(ssoLinkInput(userId, one, { providerSubject: 'Ada|ä' }));
  expect(await db.storage.getSSOLinkBySubject(one, 'Ada|ä')).toStrictEqual(link);
  for (const subject of ['ada|ä', 'Ada|a', '']) {
    expect(await db.storage.getSSOLinkBySubject(one, subject)).toBeNull();
  }
  expect(await db.storage.getSSOLinkBySubject(other, 'Ada|ä')).toBeNull();
  await db.storage.deleteSSOLink(link.id);
  expect(await db.storage.getSSOLinkBySubject(one, 'Ada|ä')).toBeNull();
});

it('deleteSSOProvider deletes the provider’s links and sessions, and deleteSSOLink frees the subject of a link', async () => {
  const provider = await db.storage.createSSOProvider(oidcProviderInput());
  const link = await db.storage.createSSOLink(ssoLinkInput(userId, provider.id));
  await db.storage.deleteSSOLink(link.id);
  const { providerSubject } = link;
  const again = await db.storage.createSSOLink(ssoLinkInput(userId, provider.id, { providerSubject }));
  const session = await db.storage.createSSOSession(ssoSessionInput(userId, provider.id, { providerSubject }));
  await db.storage.deleteSSOProvider(provider.id);
  expect(await db.storage.getSSOLink(again.id)).toBeNull();
  expect(await db.storage.getSSOSession(session.id)).toBeNull();
  await expectCode(db.storage.createSSOLink(ssoLinkInput(userId, provider.id)), 'invalid_reference', {
    field: 'providerId',
  });
});

it('createSSOLink and createSSOSession reject an unknown providerType, and a link’s may differ from its provider’s type', async () => {
  const { providerId } = world;
  const link = ssoLinkInput(userId, providerId, { providerType: 'oauth' as const });
  await expect(db.storage.createSSOLink(link)).resolves.toMatchObject({ providerType: 'oauth' });
  await expectInvalidInput(
    db.storage.createSSOLink(ssoLinkInput(userId, providerId, { providerType: 'ldap' as never })),
    'providerType',
  );
  await expectInvalidInput(
    db.storage.createSSOSession(ssoSessionInput(userId, providerId, { providerType: 'ldap' as never })),
    'providerType',
  );
});

it('createSSOLink and createSSOSession set linkedAt and lastAuthAt to the current time by default', async () => {
  const { providerId } = world;
  const base = { userId, providerId, providerType: 'oidc' as const, expiresAt: inAnHour() };
  const { expiresAt: _, ...link } = base;
  const made = await db.storage.createSSOLink({ ...link, providerSubject: unique() });
  expect(made).toMatchObject({ autoProvisioned: false, metadata: {} });
  const session = await db.storage.createSSOSession({ ...base, providerSubject: unique() });
  expect(session).not.toHaveProperty('sessionToken');
  for (const { linkedAt, lastAuthAt } of [made, session]) {
    const [{ age }] = (await db.query('SELECT extract(epoch FROM now() - $1::timestamptz)::float AS age', [
      linkedAt,
    ])) as [{ age: number }];
    expect(age).toBeLessThan(60);
    expect(lastAuthAt).toEqual(linkedAt);
  }
});

describe('SAML providers in the shape of the library’s type SAMLProvider', () => {
  const typed = (overrides: object = {}) =>
    ({
      ...{ type: 'saml', name: unique('ADFS'), enabled: true, entryPoint: 'https://idp.example.com/sso' },
      ...{ issuer: 'https://app.example.com', cert: '-----BEGIN CERTIFICATE-----', ...overrides },
    }) as Parameters<typeof db.storage.createSSOProvider>[0];

  it('are returned as they were given to createSSOProvider and updateSSOProvider', async () => {
    const input = typed({ wantAssertionsSigned: true, identifierFormat: 'email', orgId });
    const provider = await db.storage.createSSOProvider(input);
    expect(provider).toStrictEqual({
      ...(input as object),
      ...{ id: expect.any(String), metadata: {}, createdAt: expect.any(Date), updatedAt: expect.any(Date) },
    });
    await expect(db.storage.getSSOProvider(provider.id)).resolves.toStrictEqual(provider);
    expect(ids(await db.storage.listSSOProviders(orgId))).toContain(provider.id);
    await expect(db.storage.createSSOLink(ssoLinkInput(userId, provider.id))).resolves.toMatchObject({ userId });
    const changed = await db.storage.updateSSOProvider(provider.id, { enabled: false, cert: 'NEW', updatedAt: 0 });
    expect(changed).toStrictEqual({ ...provider, enabled: false, cert: 'NEW', updatedAt: expect.any(Date) });
  });

  it.each(['enabled', 'entryPoint', 'issuer', 'cert'])('require a valid %s', async (field) => {
    await expectInvalidInput(db.storage.createSSOProvider(typed({ [field]: null })), field);
    await expectInvalidInput(db.storage.createSSOProvider(typed({ [field]: 7 })), field);
    const { id } = await db.storage.createSSOProvider(typed());
    await expectInvalidInput(db.storage.updateSSOProvider(id, { [field]: null }), field);
    await expectInvalidInput(db.storage.updateSSOProvider(id, { [field]: 7 }), field);
  });

  it('can be changed by updateSSOProvider into the snake_case shape and back, but must be complete in one of them', async () => {
    const { id } = await db.storage.createSSOProvider(typed());
    const { type, name, metadata, ...other } = samlProviderInput();
    await expect(db.storage.updateSSOProvider(id, other)).resolves.toMatchObject(other);
    const { enabled, entryPoint, issuer, cert } = typed() as Record<string, unknown>;
    await db.storage.updateSSOProvider(id, { enabled: null, entryPoint: null, issuer: null, cert: null });
    await expectInvalidInput(db.storage.updateSSOProvider(id, { idp_sso_url: null }), 'idp_sso_url');
    const without = Object.fromEntries(Object.keys(other).map((key) => [key, null]));
    await expectInvalidInput(db.storage.updateSSOProvider(id, without), 'idp_entity_id');
    const back = await db.storage.updateSSOProvider(id, { ...without, enabled, entryPoint, issuer, cert });
    expect(back).toMatchObject({ type: 'saml', enabled, entryPoint, issuer, cert });
    expect(back).not.toHaveProperty('idp_entity_id');
    await expectInvalidInput(db.storage.updateSSOProvider(id, { type: 'oidc' }), 'type');
    await expectCode(db.storage.updateSSOProvider(unique('none'), { cert: null }), 'not_found');
    await expectInvalidInput(db.storage.createSSOProvider({ type: 'saml', name: 'neither' } as never), 'idp_entity_id');
  });

  it('survive a rollback to the first migration, whose table lacks their columns', async () => {
    const { id } = await db.storage.createSSOProvider(typed());
    const before = await db.storage.getSSOProvider(id);
    await db.storage.rollback({ to: FIRST });
    await db.storage.connect();
    await expect(db.storage.getSSOProvider(id)).resolves.toStrictEqual(before);
  });
});

describe('a key that resembles a known one', () => {
  it.each([
    ['nmae', 'name'],
    ['client_secrt', 'client_secret'],
    ['clientsecret', 'client_secret'],
    ['client-id', 'client_id'],
    ['org_id', 'orgId'],
    ['OrgId', 'orgId'],
    ['redirect_uri', 'redirect_uris'],
    ['metadta', 'metadata'],
    ['entry_point', 'entryPoint'],
    ['ID', 'id'],
    ['created_at', 'createdAt'],
  ])('is rejected in an SSO provider, with a suggestion: %s', async (key, meant) => {
    const error = await expectInvalidInput(
      db.storage.createSSOProvider(oidcProviderInput({ [key]: 'x' }) as never),
      key,
    );
    expect(error.message).toContain(`did you mean \`${meant}\`?`);
    const { id } = await db.storage.createSSOProvider(oidcProviderInput());
    await expectInvalidInput(db.storage.updateSSOProvider(id, { [key]: 'x' }), key);
    // Such a key may be set to null, which does nothing, so that a value stored earlier can be removed.
    await expect(db.storage.updateSSOProvider(id, { [key]: null })).resolves.toMatchObject({ id });
  });

  it.each(['sp_metadata_url', 'token_endpoint', 'certificate', 'tag', 'a', 'username', '_', 'nam', 'kid'])(
    'is accepted in an SSO provider when it is not similar enough: %s',
    async (key) => {
      const made = await db.storage.createSSOProvider(oidcProviderInput({ [key]: 'x' }) as never);
      expect(made).toMatchObject({ [key]: 'x' });
    },
  );

  it('is rejected in the SAML configuration of a tenant', async () => {
    const tenantId = unique('tenant');
    await expectInvalidInput(db.storage.storeTenantSAMLConfig({ tenantId, tenant_id: 'x' }), 'tenant_id');
    await db.storage.storeTenantSAMLConfig({ tenantId, tenant: 'x', name: 'y' });
    await expectInvalidInput(db.storage.updateTenantSAMLConfig(tenantId, { tenantID: 'x' }), 'tenantID');
  });
});
