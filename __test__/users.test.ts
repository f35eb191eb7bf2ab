/** The methods for users beyond create, get, update and delete: e-mails, OAuth accounts, what a deletion takes along. */
import { useDatabase } from './helpers/database';
import { expectCode, expectInvalidInput } from './helpers/errors';
import { makeWorld } from './helpers/families';
import {
  apiKeyInput,
  emailTokenInput,
  eventInput,
  memberInput,
  oauthLink,
  organizationInput,
  roleInput,
  sessionInput,
  ssoLinkInput,
  totpDeviceInput,
  unique,
  userInput,
} from './helpers/fixtures';

const db = useDatabase();

it('getUserByEmail ignores the case of ASCII letters, and does not confuse them with look-alike letters', async () => {
  const user = await db.storage.createUser({ email: 'KIM.ISSA@example.com' });
  await expect(db.storage.getUserByEmail('kim.issa@EXAMPLE.com')).resolves.toStrictEqual(user);
  await expect(db.storage.getUserByEmail('kim.iſsa@example.com')).resolves.toBeNull();
  await expect(db.storage.getUserByEmail('kım.issa@example.com')).resolves.toBeNull();
  await expectCode(db.storage.createUser({ email: 'kim.ISSA@example.com' }), 'conflict', { field: 'email' });
  await expect(db.storage.createUser({ email: 'KİM.issa@example.com' })).resolves.toMatchObject({ plan: 'free' });
});

it.each(['a,b', 'x}y', `it's "quoted"`, '{"a":1}', 'gö\\ogle', '$1'])(
  'linkOAuthAccount and unlinkOAuthAccount work for a provider named %s',
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

it('linkOAuthAccount replaces the user’s account at a provider, and the replaced account can be linked by another user', async () => {
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

it('the database enforces the rules for OAuth accounts on rows that are written without the adapter', async () => {
  const [one, two] = [await db.storage.createUser({}), await db.storage.createUser({})];
  const write = (id: string, oauth: object) => db.query('UPDATE users SET oauth = $2 WHERE id = $1', [id, oauth]);
  await write(one.id, { github: { provider: 'github', sub: 'by-hand', linkedAt: '2020-01-01T00:00:00Z' } });
  const found = await db.storage.getUserByOAuth('github', 'by-hand');
  expect(found).toMatchObject({ id: one.id, oauth: { github: { linkedAt: new Date('2020-01-01T00:00:00Z') } } });
  await expect(write(two.id, { github: { sub: 'by-hand' } })).rejects.toMatchObject({ code: '23505' });
  await expect(write(two.id, { github: { sub: 'x', provider: 'google' } })).rejects.toMatchObject({ code: '23514' });
});

it('deleteUser deletes everything that belongs to the user, except events', async () => {
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

it('createUser needs no field, and sets the plan to free', async () => {
  const user = await db.storage.createUser({});
  expect(user).toStrictEqual({
    id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-/),
    plan: 'free',
    entitlements: [],
    metadata: {},
    createdAt: expect.any(Date),
    updatedAt: user.createdAt,
  });
});

it('getUserByEmail and getUserByOAuth return null for an unknown or empty e-mail or account', async () => {
  for (const email of [`${unique()}@example.com`, '', '%', '_']) {
    await expect(db.storage.getUserByEmail(email)).resolves.toBeNull();
  }
  for (const [provider, sub] of [
    ['google', unique()],
    ['', ''],
    ['google', ''],
  ] as const) {
    await expect(db.storage.getUserByOAuth(provider, sub)).resolves.toBeNull();
  }
});

it('updateUser rejects the e-mail of another user, and accepts the user’s own e-mail in another case', async () => {
  const [one, two] = [await db.storage.createUser(userInput()), await db.storage.createUser(userInput())];
  const taken = db.storage.updateUser(two.id, { email: one.email?.toUpperCase() as string, name: 'changed' });
  await expectCode(taken, 'conflict', { field: 'email', constraint: 'users_email_key' });
  await expect(db.storage.getUser(two.id)).resolves.toStrictEqual(two);
  const email = one.email?.toUpperCase() as string;
  await expect(db.storage.updateUser(one.id, { email })).resolves.toMatchObject({ email });
  await db.storage.updateUser(one.id, { email: null });
  await expect(db.storage.updateUser(two.id, { email })).resolves.toMatchObject({ email });
});

it('linkOAuthAccount replaces all fields of an account that is linked again, and keeps accounts at other providers', async () => {
  const { id } = await db.storage.createUser({});
  const link = oauthLink('google');
  await db.storage.linkOAuthAccount(id, 'google', link);
  const { sub } = link;
  const bare = await db.storage.linkOAuthAccount(id, 'google', { provider: 'google', sub, email: null });
  expect(bare.oauth).toStrictEqual({ google: { provider: 'google', sub, linkedAt: expect.any(Date) } });
  const github = oauthLink('github');
  const both = await db.storage.linkOAuthAccount(id, 'github', github);
  expect(both.oauth).toStrictEqual({ ...bare.oauth, github });
});

it('linkOAuthAccount rejects a link with a missing, empty, wrong or unknown field', async () => {
  const { id } = await db.storage.createUser({});
  const make = (link: object) => db.storage.linkOAuthAccount(id, 'google', link as never);
  await expectInvalidInput(make({ provider: 'google' }), 'sub');
  await expectInvalidInput(make({ sub: 'x' }), 'provider');
  await expectInvalidInput(make({ provider: 'google', sub: '' }), 'sub');
  await expectInvalidInput(make({ provider: 'google', sub: 7 }), 'sub');
  await expectInvalidInput(make({ provider: 'google', sub: 'x', linkedAt: 'soon' }), 'linkedAt');
  await expectInvalidInput(make({ provider: 'google', sub: 'x', Email: 'y' }), 'Email');
  await expectInvalidInput(db.storage.linkOAuthAccount(id, '', { provider: '', sub: 'x' }), 'provider');
  await expect(db.storage.getUser(id)).resolves.not.toHaveProperty('oauth');
});

it('unlinkOAuthAccount changes nothing when no account is linked, and createUser and updateUser ignore `oauth`', async () => {
  const user = await db.storage.createUser({ oauth: { google: oauthLink('google') } } as never);
  expect(user).not.toHaveProperty('oauth');
  await expect(db.storage.unlinkOAuthAccount(user.id, 'google')).resolves.toStrictEqual(user);
  const linked = await db.storage.linkOAuthAccount(user.id, 'google', oauthLink('google'));
  await expect(db.storage.updateUser(user.id, { oauth: null, name: 'x' })).resolves.toMatchObject({
    oauth: linked.oauth,
  });
});
