/** What the random calls have found, each as a test of its own. */
import { useDatabase } from '../helpers/database';
import { expectCode, expectInvalidInput } from '../helpers/errors';
import {
  inAnHour,
  oidcProviderInput,
  organizationInput,
  roleInput,
  samlProviderInput,
  sessionInput,
  tenantSamlInput,
  totpDeviceInput,
  twoFactorSessionInput,
  unique,
  userInput,
} from '../helpers/fixtures';

const db = useDatabase();

/** A string of `bytes` hexadecimal digits, which no compression makes small. */
const incompressible = (bytes: number) =>
  Array.from({ length: Math.ceil(bytes / 32) }, () => unique('').replaceAll('-', ''))
    .join('')
    .slice(0, bytes);

describe('an id', () => {
  it('that is empty is none: one is made', async () => {
    const user = await db.storage.createUser({ ...userInput(), id: '' });
    expect(user.id).toMatch(/^[0-9a-f-]{36}$/);
    const provider = await db.storage.createSSOProvider({ ...oidcProviderInput(), id: '' });
    expect(provider.id).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('of 1 024 bytes can be the user, the role and the organization of one assignment', async () => {
    const { id: userId } = await db.storage.createUser({ ...userInput(), id: incompressible(1024) });
    const { id: orgId } = await db.storage.createOrganization(organizationInput({ id: incompressible(1024) }));
    const { id: roleId } = await db.storage.createRole(roleInput(orgId, { id: incompressible(1024) }));
    await db.storage.assignRoleToUser(userId, roleId, orgId);
    await db.storage.assignRoleToUser(userId, roleId, orgId);
    await expect(db.storage.getUserRoles(userId, orgId)).resolves.toMatchObject([{ id: roleId }]);
  });
});

describe('assigning a role', () => {
  it('names an id that is empty or too long', async () => {
    const tooLong = incompressible(1025);
    await expectInvalidInput(db.storage.assignRoleToUser('', 'role', 'org'), 'userId');
    await expectInvalidInput(db.storage.assignRoleToUser('user', tooLong, 'org'), 'roleId');
    await expectInvalidInput(db.storage.assignRoleToUser('user', 'role', tooLong), 'orgId');
  });

  it('that the user has, in the name of another organization, is refused', async () => {
    const { id: userId } = await db.storage.createUser(userInput());
    const { id: orgId } = await db.storage.createOrganization(organizationInput());
    const { id: otherId } = await db.storage.createOrganization(organizationInput());
    const { id: roleId } = await db.storage.createRole(roleInput(orgId));
    await db.storage.assignRoleToUser(userId, roleId, orgId);
    await expectCode(db.storage.assignRoleToUser(userId, roleId, otherId), 'invalid_reference', { field: 'roleId' });
    await expect(db.storage.getUserRoles(userId, otherId)).resolves.toEqual([]);
  });

  it('keeps the role in its organization until it is revoked', async () => {
    const { id: userId } = await db.storage.createUser(userInput());
    const { id: orgId } = await db.storage.createOrganization(organizationInput());
    const { id: otherId } = await db.storage.createOrganization(organizationInput());
    const role = await db.storage.createRole(roleInput(orgId));
    await db.storage.assignRoleToUser(userId, role.id, orgId);
    const error = await expectCode(db.storage.updateRole(role.id, { orgId: otherId }), 'invalid_reference', {
      field: 'orgId',
    });
    expect(error.message).toContain('revoke');
    await expect(db.storage.getRole(role.id)).resolves.toEqual(role);
    await db.storage.revokeRoleFromUser(userId, role.id, orgId);
    await expect(db.storage.updateRole(role.id, { orgId: otherId })).resolves.toMatchObject({ orgId: otherId });
  });
});

describe('an SSO provider', () => {
  it.each([
    ['OIDC', oidcProviderInput, 'client_id', { client_id: null, idp_entity_id: null }],
    ['SAML', samlProviderInput, 'idp_entity_id', { client_id: null, idpEntityId: null }],
  ])('of %s names the field that it cannot do without', async (_, input, field, patch) => {
    const provider = await db.storage.createSSOProvider(input() as never);
    await expectInvalidInput(db.storage.updateSSOProvider(provider.id, patch), field);
    await expect(db.storage.getSSOProvider(provider.id)).resolves.toEqual(provider);
  });

  it('cannot change to a type of which it lacks the fields', async () => {
    const provider = await db.storage.createSSOProvider(oidcProviderInput());
    await expectInvalidInput(db.storage.updateSSOProvider(provider.id, { type: 'saml' }), 'type');
  });
});

describe('getTenantSAMLConfig', () => {
  it('gives back a Date, or the text of one, as a Date, and any other createdAt and updatedAt as it was', async () => {
    const config = tenantSamlInput({ createdAt: 'last week', updatedAt: new Date(0) });
    const { tenantId } = config;
    await db.storage.storeTenantSAMLConfig(config);
    await expect(db.storage.getTenantSAMLConfig(tenantId)).resolves.toMatchObject({
      createdAt: 'last week',
      updatedAt: new Date(0),
    });
    await db.storage.updateTenantSAMLConfig(tenantId, { createdAt: '2026-01-01T00:00:00.000Z' });
    await expect(db.storage.getTenantSAMLConfig(tenantId)).resolves.toMatchObject({
      createdAt: new Date('2026-01-01T00:00:00.000Z'),
    });
    await db.storage.updateTenantSAMLConfig(tenantId, { createdAt: 5, updatedAt: ['2020-01-01T00:00:00.000Z'] });
    await expect(db.storage.getTenantSAMLConfig(tenantId)).resolves.toMatchObject({
      createdAt: 5,
      updatedAt: ['2020-01-01T00:00:00.000Z'],
    });
  });
});

it('counts the attempts of a two-factor session up to what its column holds', async () => {
  const most = 2 ** 31 - 1;
  const { id: userId } = await db.storage.createUser(userInput());
  const { id: deviceId } = await db.storage.createTwoFactorDevice(totpDeviceInput(userId));
  const input = twoFactorSessionInput(userId, deviceId, { attemptCount: most, maxAttempts: most });
  const { id } = await db.storage.createTwoFactorSession(input);
  await expect(db.storage.incrementTwoFactorSessionAttempts(id)).resolves.toBe(most);
});

it('says what is wrong with a key that is half a character', async () => {
  const error = await expectInvalidInput(db.storage.createUser({ '\ud800': 1 } as never), 'user');
  expect(error.message).toContain('lone surrogates');
});

it('takes no list for options', async () => {
  const { id: userId } = await db.storage.createUser(userInput());
  await db.storage.createSession(sessionInput(userId, { expiresAt: inAnHour() }));
  await expectInvalidInput(db.storage.deleteUserSessions(userId, ['x'] as never), 'options');
});

it('names the field at fault also in a transaction, where nothing can be looked up any more', async () => {
  const oidc = await db.storage.createSSOProvider(oidcProviderInput());
  const saml = await db.storage.createSSOProvider(samlProviderInput());
  const within = (id: string, patch: object) =>
    db.storage.transaction((tx) => tx.updateSSOProvider(id, patch as never)) as Promise<unknown>;
  await expectInvalidInput(within(oidc.id, { client_id: null, idp_entity_id: null }), 'client_id');
  await expectInvalidInput(within(saml.id, { type: 'oidc' }), 'type');
  await expectInvalidInput(within(saml.id, { idp_sso_url: null, client_id: null }), 'idp_sso_url');
});
