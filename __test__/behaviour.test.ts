/** What the families do beyond create, get, update and delete. */
import { useDatabase } from './helpers/database';
import { expectCode, expectInvalidInput } from './helpers/errors';
import { makeWorld, type World } from './helpers/families';
import {
  anHourAgo,
  apiKeyInput,
  emailTokenInput,
  eventInput,
  inAnHour,
  inMs,
  memberInput,
  oauthLink,
  oidcProviderInput,
  organizationInput,
  roleInput,
  sessionInput,
  sha256,
  ssoLinkInput,
  ssoSessionInput,
  tenantSamlInput,
  totpDeviceInput,
  twoFactorSessionInput,
  unique,
  userInput,
} from './helpers/fixtures';

const db = useDatabase();
let world: World;
let userId: string;
let orgId: string;

beforeAll(async () => {
  world = await makeWorld(db.storage);
  ({ userId, orgId } = world);
});

const ids = (records: { id: string }[]) => records.map(({ id }) => id);

/** Gives rows one time of creation, and their ids in the order that lists must have then. */
async function tie(table: string, records: { id: string }[], column = 'created_at') {
  await db.query(`UPDATE ${table} SET ${column} = '2020-01-01T00:00:00Z' WHERE id = ANY($1)`, [ids(records)]);
  return ids(records).sort().reverse();
}

describe('users', () => {
  it('are found by e-mail without regard to ASCII case, and not by look-alikes', async () => {
    const user = await db.storage.createUser({ email: 'KIM.ISSA@example.com' });
    await expect(db.storage.getUserByEmail('kim.issa@EXAMPLE.com')).resolves.toStrictEqual(user);
    await expect(db.storage.getUserByEmail('kim.iſsa@example.com')).resolves.toBeNull();
    await expect(db.storage.getUserByEmail('kım.issa@example.com')).resolves.toBeNull();
    await expectCode(db.storage.createUser({ email: 'kim.ISSA@example.com' }), 'conflict', { field: 'email' });
    await expect(db.storage.createUser({ email: 'KİM.issa@example.com' })).resolves.toMatchObject({ plan: 'free' });
  });

  it.each(['a,b', 'x}y', `it's "quoted"`, '{"a":1}', 'gö\\ogle', '$1'])(
    'are linked to the provider %s',
    async (provider) => {
      const { id } = await db.storage.createUser({});
      const link = oauthLink(provider);
      const linked = await db.storage.linkOAuthAccount(id, provider, link);
      expect(linked.oauth).toStrictEqual({ [provider]: link });
      await expect(db.storage.getUserByOAuth(provider, link.sub)).resolves.toStrictEqual(linked);
      const unlinked = await db.storage.unlinkOAuthAccount(id, provider);
      expect(unlinked).not.toHaveProperty('oauth');
      await expect(db.storage.getUserByOAuth(provider, link.sub)).resolves.toBeNull();
    },
  );

  it('have one link a provider: another account replaces it and frees the old one', async () => {
    const [one, two] = [await db.storage.createUser({}), await db.storage.createUser({})];
    const [first, second] = [oauthLink('google'), oauthLink('google')];
    await db.storage.linkOAuthAccount(one.id, 'google', first);
    await expectCode(db.storage.linkOAuthAccount(two.id, 'google', first), 'conflict', { field: 'sub' });
    await db.storage.linkOAuthAccount(one.id, 'google', second);
    await expect(db.storage.linkOAuthAccount(two.id, 'google', first)).resolves.toMatchObject({ id: two.id });
    await expectInvalidInput(db.storage.linkOAuthAccount(one.id, 'github', second), 'provider');
    await expectCode(db.storage.linkOAuthAccount(unique('nobody'), 'google', second), 'not_found');
    await expectCode(db.storage.unlinkOAuthAccount(unique('nobody'), 'google'), 'not_found');
  });

  it('keep the rules of their links for writers that go round the adapter', async () => {
    const [one, two] = [await db.storage.createUser({}), await db.storage.createUser({})];
    const write = (id: string, oauth: object) => db.query('UPDATE users SET oauth = $2 WHERE id = $1', [id, oauth]);
    await write(one.id, { github: { provider: 'github', sub: 'by-hand', linkedAt: '2020-01-01T00:00:00Z' } });
    const found = await db.storage.getUserByOAuth('github', 'by-hand');
    expect(found).toMatchObject({ id: one.id, oauth: { github: { linkedAt: new Date('2020-01-01T00:00:00Z') } } });
    await expect(write(two.id, { github: { sub: 'by-hand' } })).rejects.toMatchObject({ code: '23505' });
    await expect(write(two.id, { github: { sub: 'x', provider: 'google' } })).rejects.toMatchObject({ code: '23514' });
  });

  it('take everything of theirs along', async () => {
    const own = await makeWorld(db.storage);
    const { id } = await db.storage.createUser(userInput());
    const session = await db.storage.createSession(sessionInput(id));
    const key = await db.storage.createApiKey(apiKeyInput(id));
    const token = await db.storage.createEmailVerificationToken(emailTokenInput({ userId: id }));
    const role = await db.storage.createRole(roleInput(own.orgId));
    await db.storage.assignRoleToUser(id, role.id, own.orgId);
    const link = await db.storage.createSSOLink(ssoLinkInput(id, own.providerId));
    const device = await db.storage.createTwoFactorDevice(totpDeviceInput(id));
    await db.storage.createBackupCodes(id, ['a']);
    const team = await db.storage.createOrganization(
      organizationInput({ members: [memberInput(own.userId), memberInput(id, { role: 'owner' as const })] }),
    );
    await db.storage.emitEvent(eventInput({ principalId: id }));
    await db.storage.deleteUser(id);
    expect(await db.storage.getSession(session.id)).toBeNull();
    expect(await db.storage.getApiKey(key.id)).toBeNull();
    expect(await db.storage.getEmailVerificationTokenById(token.id)).toBeNull();
    expect(await db.storage.getUserRoles(id, own.orgId)).toEqual([]);
    expect(await db.storage.getSSOLink(link.id)).toBeNull();
    expect(await db.storage.getTwoFactorDevice(device.id)).toBeNull();
    expect(await db.storage.getBackupCodes(id)).toEqual([]);
    expect((await db.storage.getOrganization(team.id))?.members.map((each) => each.userId)).toEqual([own.userId]);
    expect(await db.query('SELECT 1 FROM auth_events WHERE principal_id = $1', [id])).toHaveLength(1);
  });
});

describe('values', () => {
  it.each(['🔐👩‍👩‍👧', 'e\u0301 ≠ é', 'שלום', `'; DROP TABLE users; --`, '\\x00\\', '\u2028\n\t'])(
    '%j comes back',
    async (text) => {
      const metadata = { [text]: [text, null, { ['__proto__']: text }, 1e300, -0.5] };
      const user = await db.storage.createUser({ name: text, entitlements: [text, ''], metadata });
      expect(user).toMatchObject({ name: text, entitlements: [text, ''] });
      expect(user.metadata).toEqual(JSON.parse(JSON.stringify(metadata)));
    },
  );

  it.each([
    '0001-01-01T00:00:00.000Z',
    '1969-12-31T23:59:59.999Z',
    '2024-03-31T01:30:00.001Z',
    '9999-12-31T23:59:59.999Z',
  ])('the time %s comes back', async (text) => {
    const key = await db.storage.createApiKey(apiKeyInput(userId, { expiresAt: new Date(text) }));
    expect(key.expiresAt).toStrictEqual(new Date(text));
    const [row] = await db.query('SELECT extract(epoch FROM expires_at)::text AS s FROM api_keys WHERE id = $1', [
      key.id,
    ]);
    expect(Math.round(Number(row.s) * 1000)).toBe(Date.parse(text));
  });

  it('a time with an offset is the same instant', async () => {
    const key = await db.storage.createApiKey(
      apiKeyInput(userId, { expiresAt: '2030-01-01T02:00:00.5+02:00' as never }),
    );
    expect(key.expiresAt).toStrictEqual(new Date('2030-01-01T00:00:00.500Z'));
  });

  it('metadata may be 100 objects deep', async () => {
    const deep = Array.from({ length: 100 }).reduce<object>((inner) => ({ inner }), { x: 1 });
    await expect(db.storage.createUser({ metadata: deep as never })).resolves.toMatchObject({ metadata: deep });
  });
});

describe('sessions', () => {
  it('are null once they have expired, and can be swept', async () => {
    const expired = await db.storage.createSession(sessionInput(userId, { expiresAt: anHourAgo() }));
    expect(await db.storage.getSession(expired.id)).toBeNull();
    await db.query(
      `INSERT INTO sessions (id, user_id, expires_at) SELECT 'old-' || n, $1, now() - interval '1 s' FROM generate_series(1, 2500) n`,
      [userId],
    );
    await expect(db.storage.deleteExpiredSessions({ limit: 0 })).resolves.toBe(0);
    await expect(db.storage.deleteExpiredSessions({ limit: 1001 })).resolves.toBe(1001);
    await expect(db.storage.deleteExpiredSessions()).resolves.toBe(1500);
    await expect(db.storage.deleteExpiredSessions()).resolves.toBe(0);
  });

  it('of a user are deleted but for one', async () => {
    const { id } = await db.storage.createUser({});
    const [kept] = await Promise.all([1, 2, 3].map(() => db.storage.createSession(sessionInput(id))));
    await expect(db.storage.deleteUserSessions(id, { except: kept?.id as string })).resolves.toBe(2);
    expect(await db.query('SELECT id FROM sessions WHERE user_id = $1', [id])).toEqual([{ id: kept?.id }]);
    await expect(db.storage.deleteUserSessions(id)).resolves.toBe(1);
  });
});

describe('API keys', () => {
  it('speak for an organization too, but not for one id that is both', async () => {
    const key = await db.storage.createApiKey(apiKeyInput(orgId));
    expect(ids(await db.storage.listApiKeys(orgId))).toEqual([key.id]);
    const both = unique('both');
    await db.storage.createUser({ id: both });
    await db.storage.createOrganization(organizationInput({ id: both }));
    await expectCode(db.storage.createApiKey(apiKeyInput(both)), 'invalid_reference', { field: 'principalId' });
  });

  it('are found by hash, and by prefix and last four in order', async () => {
    const prefix = unique('pre');
    const keys = await Promise.all([1, 2, 3].map(() => db.storage.createApiKey(apiKeyInput(userId, { prefix }))));
    const order = await tie('api_keys', keys);
    expect(ids(await db.storage.getApiKeysByPrefixAndLastFour(prefix, 'abcd'))).toEqual(order);
    expect(await db.storage.getApiKeysByPrefixAndLastFour(prefix, 'dcba')).toEqual([]);
    expect((await db.storage.getApiKeyByHash(keys[0]?.hash as string))?.id).toBe(keys[0]?.id);
  });

  it('with a secret are verified, rotated and expire', async () => {
    const { record, key } = await db.storage.createApiKeyWithSecret(userId, ['read'], 'kit');
    expect(key).toMatch(/^kit_[0-9a-f]{64}$/);
    expect(record).toMatchObject({ prefix: 'kit', hash: sha256(key), lastFour: key.slice(-4), scopes: ['read'] });
    expect(await db.storage.verifyApiKeySecret(key)).toStrictEqual(record);
    expect(await db.storage.verifyApiKeySecret(`${key}x`)).toBeNull();
    const later = inAnHour();
    const rotated = await db.storage.rotateApiKey(record.id, { expiresOldKeysAt: later });
    expect(rotated.record).toMatchObject({
      principalId: userId,
      prefix: 'kit',
      scopes: ['read'],
      hash: sha256(rotated.key),
    });
    expect(rotated.record).not.toHaveProperty('expiresAt');
    expect(await db.storage.verifyApiKeySecret(key)).toMatchObject({ expiresAt: later });
    await db.storage.rotateApiKey(record.id, { expiresOldKeysAt: inMs(7_200_000) });
    expect((await db.storage.getApiKey(record.id))?.expiresAt).toEqual(later);
    await db.storage.rotateApiKey(record.id);
    expect(await db.storage.verifyApiKeySecret(key)).toBeNull();
    expect(await db.storage.verifyApiKeySecret(rotated.key)).not.toBeNull();
    await expectCode(db.storage.rotateApiKey(unique('none')), 'not_found');
  });
});

describe('organizations', () => {
  it('hold no more members than seats, each a user, and none twice', async () => {
    const two = [memberInput(userId), memberInput((await db.storage.createUser({})).id)];
    await expectInvalidInput(db.storage.createOrganization(organizationInput({ seats: 1, members: two })), 'members');
    await expectInvalidInput(
      db.storage.createOrganization(organizationInput({ members: [two[0], two[0]] as never })),
      'members',
    );
    const lost = organizationInput({ members: [memberInput(unique('nobody'))] });
    await expectCode(db.storage.createOrganization(lost), 'invalid_reference', { field: 'members' });
    const { id } = await db.storage.createOrganization(organizationInput({ seats: 2, members: two }));
    await expectInvalidInput(db.storage.updateOrganization(id, { seats: 1 }), 'seats');
    await db.storage.updateOrganization(id, { seats: 1, members: [two[1]] as never });
    await expectInvalidInput(db.storage.updateOrganization(id, { members: two }), 'members');
  });

  it('take their roles, keys and providers along, and leave sessions without one', async () => {
    const { id } = await db.storage.createOrganization(organizationInput());
    const role = await db.storage.createRole(roleInput(id));
    await db.storage.assignRoleToUser(userId, role.id, id);
    const key = await db.storage.createApiKey(apiKeyInput(id));
    const provider = await db.storage.createSSOProvider(oidcProviderInput({ orgId: id }));
    const session = await db.storage.createSession(sessionInput(userId, { orgId: id }));
    await db.storage.deleteOrganization(id);
    expect(await db.storage.getRole(role.id)).toBeNull();
    expect(await db.storage.getUserRoles(userId, id)).toEqual([]);
    expect(await db.storage.getApiKey(key.id)).toBeNull();
    expect(await db.storage.getSSOProvider(provider.id)).toBeNull();
    expect(await db.storage.getSession(session.id)).not.toHaveProperty('orgId');
  });
});

describe('e-mail tokens', () => {
  it('are listed while they can be used, of one type or all, in any case', async () => {
    const email = `${unique('Kim')}@example.com`;
    const make = (overrides: object) =>
      db.storage.createEmailVerificationToken(emailTokenInput({ email, ...overrides }));
    const usable = [await make({}), await make({ type: 'login_link' }), await make({ email: email.toUpperCase() })];
    const used = await make({});
    await db.storage.markEmailVerificationTokenAsUsed(used.id);
    await make({ expiresAt: anHourAgo() });
    const order = await tie('email_verification_tokens', usable);
    expect(ids(await db.storage.getEmailVerificationTokens(email.toLowerCase()))).toEqual(order);
    expect(ids(await db.storage.getEmailVerificationTokens(email, 'login_link'))).toEqual([usable[1]?.id]);
    await expectInvalidInput(db.storage.getEmailVerificationTokens(email, 'other' as never), 'type');
  });

  it('are used once, in time', async () => {
    const token = await db.storage.createEmailVerificationToken(emailTokenInput());
    const used = await db.storage.markEmailVerificationTokenAsUsed(token.id);
    expect(used).toStrictEqual({ ...token, usedAt: expect.any(Date) });
    expect(await db.storage.getEmailVerificationTokenById(token.id)).toStrictEqual(used);
    await expectCode(db.storage.markEmailVerificationTokenAsUsed(token.id), 'already_used');
    const late = await db.storage.createEmailVerificationToken(emailTokenInput({ expiresAt: anHourAgo() }));
    await expectCode(db.storage.markEmailVerificationTokenAsUsed(late.id), 'expired');
    await expectCode(db.storage.markEmailVerificationTokenAsUsed(unique('none')), 'not_found');
    expect(await db.storage.getEmailVerificationTokenById(late.id)).toBeNull();
    expect(await db.storage.deleteExpiredEmailVerificationTokens()).toBeGreaterThan(0);
    expect(await db.query('SELECT 1 FROM email_verification_tokens WHERE id = $1', [late.id])).toEqual([]);
  });

  it('count attempts', async () => {
    const { id } = await db.storage.createEmailVerificationToken(emailTokenInput());
    await expect(db.storage.getEmailVerificationTokenAttempts(id)).resolves.toBe(0);
    await expect(db.storage.incrementEmailVerificationTokenAttempts(id)).resolves.toBe(1);
    await expect(db.storage.incrementEmailVerificationTokenAttempts(id)).resolves.toBe(2);
    await expect(db.storage.getEmailVerificationTokenAttempts(unique('none'))).resolves.toBe(0);
    await expectCode(db.storage.incrementEmailVerificationTokenAttempts(unique('none')), 'not_found');
  });
});

it('events are stored as they were given', async () => {
  const event = eventInput();
  await expect(db.storage.emitEvent(event)).resolves.toBeUndefined();
  await db.storage.emitEvent({ ...(event as object), orgId: undefined } as never);
  const rows = await db.query(
    'SELECT type, org_id, data, timestamp FROM auth_events WHERE principal_id = $1 ORDER BY id',
    [event.principalId],
  );
  const row = { type: event.type, data: event.data, timestamp: event.timestamp };
  expect(rows).toEqual([
    { ...row, org_id: event.orgId },
    { ...row, org_id: null },
  ]);
});

describe('roles', () => {
  it('are listed in order, assigned, and taken away', async () => {
    const { id } = await db.storage.createOrganization(organizationInput());
    const roles = await Promise.all([1, 2, 3].map(() => db.storage.createRole(roleInput(id))));
    for (const role of roles)
      await expect(db.storage.assignRoleToUser(userId, role.id, id)).resolves.toStrictEqual(role);
    await db.query(`UPDATE user_roles SET assigned_at = '2020-01-01T00:00:00Z' WHERE org_id = $1`, [id]);
    const order = await tie('roles', roles);
    expect(ids(await db.storage.listRoles(id))).toEqual(order);
    expect(ids(await db.storage.getUserRoles(userId, id))).toEqual(order);
    await db.storage.revokeRoleFromUser(userId, order[0] as string, id);
    await db.storage.revokeRoleFromUser(userId, order[0] as string, id);
    expect(ids(await db.storage.getUserRoles(userId, id))).toEqual(order.slice(1));
    expect(await db.storage.getUserRoles(userId, orgId)).toEqual([]);
  });

  it('of another organization cannot be assigned', async () => {
    const role = await db.storage.createRole(roleInput(orgId));
    const other = await db.storage.createOrganization(organizationInput());
    await expectCode(db.storage.assignRoleToUser(userId, role.id, other.id), 'invalid_reference', { field: 'roleId' });
    await expectCode(db.storage.assignRoleToUser(unique('nobody'), role.id, orgId), 'invalid_reference', {
      field: 'userId',
    });
  });
});

describe('SSO', () => {
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
    expect(ids(await db.storage.getUserSSOLinks(id))).toEqual(await tie('sso_links', links, 'linked_at'));
    expect(await db.storage.getUserSSOLinks('')).toEqual([]);
    const late = await db.storage.createSSOSession(ssoSessionInput(id, world.providerId, { expiresAt: anHourAgo() }));
    expect(await db.storage.getSSOSession(late.id)).toBeNull();
  });

  it('SAML configurations of tenants are replaced, merged and deleted whole', async () => {
    const config = tenantSamlInput();
    const { tenantId } = config;
    expect(await db.storage.getTenantSAMLConfig(tenantId)).toBeNull();
    await expectCode(db.storage.updateTenantSAMLConfig(tenantId, { a: 1 }), 'not_found');
    await db.storage.storeTenantSAMLConfig(config);
    expect(await db.storage.getTenantSAMLConfig(tenantId)).toStrictEqual(config);
    await db.storage.updateTenantSAMLConfig(tenantId, { certificate: null, extra: { b: null } });
    const { certificate, ...rest } = config as Record<string, unknown>;
    expect(certificate).toBeDefined();
    expect(await db.storage.getTenantSAMLConfig(tenantId)).toStrictEqual({ ...rest, extra: { b: null } });
    await db.storage.storeTenantSAMLConfig({ tenantId });
    expect(await db.storage.getTenantSAMLConfig(tenantId)).toStrictEqual({ tenantId });
    await expectInvalidInput(db.storage.storeTenantSAMLConfig({} as never), 'tenantId');
    await db.storage.deleteTenantSAMLConfig(tenantId);
    await db.storage.deleteTenantSAMLConfig(tenantId);
    expect(await db.storage.getTenantSAMLConfig(tenantId)).toBeNull();
  });
});

describe('two-factor', () => {
  it('devices are listed in order, and their metadata is replaced whole', async () => {
    const { id } = await db.storage.createUser({});
    const devices = await Promise.all([1, 2, 3].map(() => db.storage.createTwoFactorDevice(totpDeviceInput(id))));
    expect(ids(await db.storage.listTwoFactorDevices(id))).toEqual(await tie('twofa_devices', devices));
    const updated = await db.storage.updateTwoFactorDevice(devices[0]?.id as string, { metadata: { smsCode: null } });
    expect(updated.metadata).toStrictEqual({ smsCode: null });
  });

  it('backup codes are replaced as a set, and keep ids and order', async () => {
    const { id } = await db.storage.createUser({});
    const given = [{ id: unique('z'), code: '1' }, { id: unique('a'), code: '2', used: true }, '3'];
    const codes = await db.storage.createBackupCodes(id, given);
    expect(codes).toMatchObject([
      { ...(given[0] as object), used: false },
      { ...(given[1] as object), usedAt: expect.any(Date) },
      { code: '3', userId: id },
    ]);
    expect(await db.storage.getBackupCodes(id)).toStrictEqual(codes);
    expect(await db.storage.createBackupCodes(id, [{ ...codes[0], userId: id } as never])).toHaveLength(1);
    await expectInvalidInput(db.storage.createBackupCodes(id, [{ userId, code: 'x' }]), 'codes[0].userId');
    await expectCode(db.storage.createBackupCodes(userId, [{ id: codes[0]?.id as string, code: 'x' }]), 'conflict');
    await expectCode(db.storage.createBackupCodes(unique('nobody'), ['x']), 'invalid_reference', { field: 'userId' });
    await expectCode(db.storage.markBackupCodeUsed(unique('none')), 'not_found');
    expect(await db.storage.createBackupCodes(id, [])).toEqual([]);
    expect(await db.storage.getBackupCodes(id)).toEqual([]);
  });

  it('sessions are completed once, in time, within their attempts', async () => {
    const make = (overrides: object) =>
      db.storage.createTwoFactorSession(twoFactorSessionInput(userId, world.deviceId, overrides));
    const session = await make({});
    await expect(db.storage.incrementTwoFactorSessionAttempts(session.id)).resolves.toBe(1);
    await db.storage.completeTwoFactorSession(session.id);
    expect(await db.storage.getTwoFactorSession(session.id)).toMatchObject({
      completedAt: expect.any(Date),
      attemptCount: 1,
    });
    await expectCode(db.storage.completeTwoFactorSession(session.id), 'already_used');
    await expectCode(db.storage.incrementTwoFactorSessionAttempts(session.id), 'already_used');
    const late = await make({ expiresAt: anHourAgo() });
    await expectCode(db.storage.completeTwoFactorSession(late.id), 'expired');
    await expectCode(db.storage.incrementTwoFactorSessionAttempts(late.id), 'expired');
    expect(await db.storage.getTwoFactorSession(late.id)).toBeNull();
    const tried = await make({ maxAttempts: 1 });
    await db.storage.incrementTwoFactorSessionAttempts(tried.id);
    await expectCode(db.storage.incrementTwoFactorSessionAttempts(tried.id), 'expired');
    await expectCode(db.storage.completeTwoFactorSession(tried.id), 'expired');
    await expectCode(db.storage.completeTwoFactorSession(unique('none')), 'not_found');
  });
});
