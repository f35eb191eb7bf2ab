/** The methods for organizations: seats, members, and what deleting an organization deletes with it. */
import { useDatabase } from './helpers/database';
import { expectCode, expectInvalidInput } from './helpers/errors';
import { makeWorld } from './helpers/families';
import {
  apiKeyInput,
  memberInput,
  oidcProviderInput,
  organizationInput,
  roleInput,
  sessionInput,
  unique,
} from './helpers/fixtures';

const db = useDatabase();
let userId: string;

beforeAll(async () => {
  ({ userId } = await makeWorld(db.storage));
});

it('createOrganization and updateOrganization reject more members than seats, a member who is given twice, and an unknown user', async () => {
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

it('deleteOrganization deletes the roles, keys and providers of the organization, and clears the orgId of its sessions', async () => {
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

it('updateOrganization replaces the list of members, keeps the order given, and changes nothing when a member is unknown', async () => {
  const users = await Promise.all([1, 2, 3].map(() => db.storage.createUser({})));
  const members = users.map(({ id }, at) =>
    memberInput(id, { role: (['owner', 'admin', 'member'] as const)[at] as never }),
  );
  const { id } = await db.storage.createOrganization(organizationInput({ members }));
  expect((await db.storage.getOrganization(id))?.members).toStrictEqual(members);
  const reversed = [...members].reverse().slice(1);
  expect((await db.storage.updateOrganization(id, { members: reversed })).members).toStrictEqual(reversed);
  await expectCode(
    db.storage.updateOrganization(id, { members: [memberInput(unique('nobody'))], name: 'changed' }),
    'invalid_reference',
    { field: 'members' },
  );
  await expect(db.storage.getOrganization(id)).resolves.toMatchObject({
    members: reversed,
    name: expect.not.stringMatching('changed'),
  });
  expect((await db.storage.updateOrganization(id, { members: [] })).members).toEqual([]);
});

it('deleteUser removes the user from the members of an organization, even its last owner', async () => {
  const owner = await db.storage.createUser({});
  const { id } = await db.storage.createOrganization(
    organizationInput({ seats: 1, members: [memberInput(owner.id, { role: 'owner' as const })] }),
  );
  await db.storage.deleteUser(owner.id);
  await expect(db.storage.getOrganization(id)).resolves.toMatchObject({ members: [], seats: 1 });
});

it('createOrganization rejects a member without userId, role or joinedAt', async () => {
  const make = (member: object) => db.storage.createOrganization(organizationInput({ members: [member] as never }));
  await expectInvalidInput(make({ userId, joinedAt: new Date() }), 'members[0].role');
  await expectInvalidInput(make({ userId, role: 'owner' }), 'members[0].joinedAt');
  await expectInvalidInput(make({ role: 'owner', joinedAt: new Date() }), 'members[0].userId');
});
