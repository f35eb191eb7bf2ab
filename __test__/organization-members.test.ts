/** Adding, changing and removing one member of an organization: what the methods do, and what they refuse. */
import type { OrganizationRecord } from '@kitiumai/auth-postgres';
import { useDatabase } from './helpers/database';
import { expectCode, expectInvalidInput } from './helpers/errors';
import { memberInput, unique } from './helpers/fixtures';
import { membersFor } from './helpers/members';

const db = useDatabase();

const users: string[] = [];
beforeAll(async () => {
  users.push(...(await Promise.all([0, 1, 2, 3].map(() => db.storage.createUser({})))).map(({ id }) => id));
});

const { user, owner, create, membersOf, roles } = membersFor(db, users);

describe('addOrganizationMember', () => {
  it('adds a member at the end of the list, with the time given or now, and returns the organization', async () => {
    const first = owner(0);
    const id = await create([first]);
    const before = (await db.storage.getOrganization(id)) as OrganizationRecord;
    const joinedAt = new Date('2020-02-29T12:34:56.789Z');
    const second = memberInput(user(1), { role: 'admin' as const, joinedAt });
    const added = await db.storage.addOrganizationMember(id, second);
    expect(added).toStrictEqual({ ...before, members: [first, second], updatedAt: added.updatedAt });
    expect(added.updatedAt.getTime()).toBeGreaterThan(before.updatedAt.getTime());
    const third = await db.storage.addOrganizationMember(id, { userId: user(2), role: 'member' });
    expect(third.members.slice(0, 2)).toStrictEqual([first, second]);
    const [, , { joinedAt: now, ...rest }] = third.members as [unknown, unknown, OrganizationRecord['members'][0]];
    expect(rest).toStrictEqual({ userId: user(2), role: 'member' });
    expect(Math.abs(now.getTime() - Date.now())).toBeLessThan(60_000);
    await expect(db.storage.getOrganization(id)).resolves.toStrictEqual(third);
    expect(await membersOf(id)).toStrictEqual(third.members);
  });

  it('rejects with conflict if the user is a member already, also if no seat is free', async () => {
    const id = await create([owner(0)], 1);
    const before = await db.storage.getOrganization(id);
    await expectCode(db.storage.addOrganizationMember(id, memberInput(user(0))), 'conflict', { field: 'userId' });
    await expect(db.storage.getOrganization(id)).resolves.toStrictEqual(before);
  });

  it('rejects with invalid_input if all seats are taken', async () => {
    const id = await create([owner(0)], 2);
    await db.storage.addOrganizationMember(id, memberInput(user(1)));
    await expectInvalidInput(db.storage.addOrganizationMember(id, memberInput(user(2))), 'members');
    expect(await membersOf(id)).toHaveLength(2);
  });

  it('rejects with invalid_reference if there is no such user, and with not_found if there is no such organization', async () => {
    const id = await create([owner(0)]);
    const nobody = memberInput(unique('nobody'));
    await expectCode(db.storage.addOrganizationMember(id, nobody), 'invalid_reference', { field: 'userId' });
    await expectCode(db.storage.addOrganizationMember(unique('none'), memberInput(user(1))), 'not_found');
    await expectCode(db.storage.addOrganizationMember('', nobody), 'not_found');
    expect(await membersOf(id)).toHaveLength(1);
  });

  it('rejects a member that is not complete, and changes nothing', async () => {
    const id = await create([owner(0)]);
    const add = (member: unknown) => db.storage.addOrganizationMember(id, member as never);
    await expectInvalidInput(add({ role: 'member' }), 'userId');
    await expectInvalidInput(add({ userId: '', role: 'member' }), 'userId');
    await expectInvalidInput(add({ userId: user(1) }), 'role');
    await expectInvalidInput(add({ userId: user(1), role: 'boss' }), 'role');
    await expectInvalidInput(add({ userId: user(1), role: 'member', joinedAt: 'today' }), 'joinedAt');
    await expectInvalidInput(add({ userId: user(1), role: 'member', since: new Date() }), 'since');
    for (const member of [null, undefined, 'a', []]) await expectInvalidInput(add(member), 'member');
    await expectInvalidInput(db.storage.addOrganizationMember('a\0b', memberInput(user(1))), 'orgId');
    const options = { ifUpdatedAt: new Date() } as never;
    await expectInvalidInput(db.storage.addOrganizationMember(id, memberInput(user(1)), options), 'ifUpdatedAt');
    expect(await membersOf(id)).toHaveLength(1);
  });
});

describe('setOrganizationMemberRole', () => {
  it('changes the role of the one member, and keeps everything else', async () => {
    const members = [owner(0), memberInput(user(1)), memberInput(user(2))];
    const id = await create(members);
    const changed = await db.storage.setOrganizationMemberRole(id, user(1), 'owner');
    expect(changed.members).toStrictEqual([members[0], { ...members[1], role: 'owner' }, members[2]]);
    expect(await membersOf(id)).toStrictEqual(changed.members);
    await expect(db.storage.setOrganizationMemberRole(id, user(1), 'owner')).resolves.toStrictEqual(changed);
  });

  it('rejects with invalid_input if the last owner would be none any more, and not before', async () => {
    const id = await create([owner(0), owner(1), memberInput(user(2))]);
    await db.storage.setOrganizationMemberRole(id, user(0), 'member');
    for (const role of ['admin', 'member'] as const) {
      await expectInvalidInput(db.storage.setOrganizationMemberRole(id, user(1), role), 'role');
    }
    await db.storage.setOrganizationMemberRole(id, user(1), 'owner');
    expect(roles(await db.storage.getOrganization(id))).toEqual({ 0: 'member', 1: 'owner', 2: 'member' });
  });

  it('rejects with not_found if there is no such organization or member', async () => {
    const id = await create([owner(0)]);
    await expectCode(db.storage.setOrganizationMemberRole(id, user(1), 'member'), 'not_found');
    await expectCode(db.storage.setOrganizationMemberRole(id, '', 'member'), 'not_found');
    await expectCode(db.storage.setOrganizationMemberRole(unique('none'), user(0), 'owner'), 'not_found');
  });

  it('rejects a role that is none, and strings that cannot be stored', async () => {
    const id = await create([owner(0)]);
    for (const role of ['boss', '', 'Owner', 'a\0b', null, undefined, 1]) {
      await expectInvalidInput(db.storage.setOrganizationMemberRole(id, user(0), role as never), 'role');
    }
    await expectInvalidInput(db.storage.setOrganizationMemberRole(id, '\0', 'admin'), 'userId');
    await expectInvalidInput(db.storage.setOrganizationMemberRole('\0', user(0), 'admin'), 'orgId');
  });
});

describe('removeOrganizationMember', () => {
  it('removes the one member, and changes nothing if the user is no member', async () => {
    const members = [owner(0), memberInput(user(1)), memberInput(user(2))];
    const id = await create(members);
    const removed = await db.storage.removeOrganizationMember(id, user(1));
    expect(removed.members).toStrictEqual([members[0], members[2]]);
    expect(await membersOf(id)).toStrictEqual(removed.members);
    for (const nobody of [user(1), unique('nobody'), '']) {
      await expect(db.storage.removeOrganizationMember(id, nobody)).resolves.toStrictEqual(removed);
    }
    await expect(db.storage.getOrganization(id)).resolves.toStrictEqual(removed);
  });

  it('rejects with invalid_input for the last owner, also if nobody else is there', async () => {
    const id = await create([owner(0), owner(1), memberInput(user(2))]);
    await db.storage.removeOrganizationMember(id, user(0));
    await expectInvalidInput(db.storage.removeOrganizationMember(id, user(1)), 'userId');
    await db.storage.removeOrganizationMember(id, user(2));
    await expectInvalidInput(db.storage.removeOrganizationMember(id, user(1)), 'userId');
    expect(roles(await db.storage.getOrganization(id))).toEqual({ 1: 'owner' });
  });

  it('rejects with not_found if there is no such organization, and strings that cannot be stored', async () => {
    await expectCode(db.storage.removeOrganizationMember(unique('none'), user(0)), 'not_found');
    await expectInvalidInput(db.storage.removeOrganizationMember('o', '\0'), 'userId');
    await expectInvalidInput(db.storage.removeOrganizationMember('\0', user(0)), 'orgId');
  });
});

it('an organization that was created without an owner can be changed like any other', async () => {
  const id = await create([memberInput(user(0)), memberInput(user(1))]);
  await db.storage.setOrganizationMemberRole(id, user(0), 'admin');
  await db.storage.addOrganizationMember(id, memberInput(user(2)));
  await db.storage.removeOrganizationMember(id, user(1));
  await db.storage.removeOrganizationMember(id, user(0));
  expect((await db.storage.removeOrganizationMember(id, user(2))).members).toEqual([]);
  await db.storage.addOrganizationMember(id, owner(3));
  await expectInvalidInput(db.storage.removeOrganizationMember(id, user(3)), 'userId');
});

it('the last owner can still leave with updateOrganization and deleteUser', async () => {
  const { id: leaver } = await db.storage.createUser({});
  const id = await create([memberInput(leaver, { role: 'owner' as const }), memberInput(user(1))]);
  await db.storage.deleteUser(leaver);
  expect(roles(await db.storage.getOrganization(id))).toEqual({ 1: 'member' });
  const other = await create([owner(0)]);
  expect((await db.storage.updateOrganization(other, { members: [] })).members).toEqual([]);
});

it('fields that others have written into a member stay with it', async () => {
  const id = await create([owner(0)]);
  await db.query(`UPDATE organizations SET members = members || $2::jsonb WHERE id = $1`, [
    id,
    JSON.stringify([{ userId: user(1), role: 'member', joinedAt: '2020-01-01T00:00:00.000Z', title: 'CTO' }]),
  ]);
  await db.storage.setOrganizationMemberRole(id, user(1), 'admin');
  await db.storage.addOrganizationMember(id, memberInput(user(2)));
  await db.storage.removeOrganizationMember(id, user(0)).catch(() => undefined);
  const [row] = await db.query('SELECT members -> 1 AS member FROM organizations WHERE id = $1', [id]);
  expect(row.member).toMatchObject({ userId: user(1), role: 'admin', title: 'CTO' });
});
