/** What users do beyond create, get, update and delete. */
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
