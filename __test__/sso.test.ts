/** Single sign-on: providers, links and sessions. */
import { useDatabase } from './helpers/database';
import { expectCode, expectInvalidInput } from './helpers/errors';
import { makeWorld, type World } from './helpers/families';
import { anHourAgo, oidcProviderInput, organizationInput, ssoLinkInput, ssoSessionInput } from './helpers/fixtures';
import { ids, tie } from './helpers/order';

const db = useDatabase();
let world: World;
let userId: string;
let orgId: string;

beforeAll(async () => {
  world = await makeWorld(db.storage);
  ({ userId, orgId } = world);
});

it('providers are read in snake_case however they were spelled, and keep further fields', async () => {
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
  await expectInvalidInput(db.storage.updateSSOProvider(provider.id, { client_id: null }), 'type');
  await expectInvalidInput(db.storage.updateSSOProvider(provider.id, { type: 'saml' }), 'type');
});

it('providers of an organization are its own and the global ones', async () => {
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

it('links are unique for a provider and listed in order; sessions expire', async () => {
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
