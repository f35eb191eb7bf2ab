/** The methods for roles: lists and assignments. */
import { useDatabase } from './helpers/database';
import { expectCode, expectInvalidInput } from './helpers/errors';
import { makeWorld } from './helpers/families';
import { organizationInput, roleInput, unique } from './helpers/fixtures';
import { ids, tie } from './helpers/order';

const db = useDatabase();
let userId: string;
let orgId: string;

beforeAll(async () => {
  ({ userId, orgId } = await makeWorld(db.storage));
});

it('listRoles and getUserRoles return roles in a fixed order, and revokeRoleFromUser removes one of them', async () => {
  const { id } = await db.storage.createOrganization(organizationInput());
  const roles = await Promise.all([1, 2, 3].map(() => db.storage.createRole(roleInput(id))));
  for (const role of roles) await expect(db.storage.assignRoleToUser(userId, role.id, id)).resolves.toStrictEqual(role);
  await db.query(`UPDATE user_roles SET assigned_at = '2020-01-01T00:00:00Z' WHERE org_id = $1`, [id]);
  const order = await tie(db, 'roles', roles);
  expect(ids(await db.storage.listRoles(id))).toEqual(order);
  expect(ids(await db.storage.getUserRoles(userId, id))).toEqual(order);
  await db.storage.revokeRoleFromUser(userId, order[0] as string, id);
  await db.storage.revokeRoleFromUser(userId, order[0] as string, id);
  expect(ids(await db.storage.getUserRoles(userId, id))).toEqual(order.slice(1));
  expect(await db.storage.getUserRoles(userId, orgId)).toEqual([]);
});

it('assignRoleToUser rejects a role of another organization, and an unknown user', async () => {
  const role = await db.storage.createRole(roleInput(orgId));
  const other = await db.storage.createOrganization(organizationInput());
  await expectCode(db.storage.assignRoleToUser(userId, role.id, other.id), 'invalid_reference', { field: 'roleId' });
  await expectCode(db.storage.assignRoleToUser(unique('nobody'), role.id, orgId), 'invalid_reference', {
    field: 'userId',
  });
});

it('assignRoleToUser rejects an unknown role and an unknown organization', async () => {
  const role = await db.storage.createRole(roleInput(orgId));
  await expectCode(db.storage.assignRoleToUser(userId, unique('none'), orgId), 'invalid_reference', {
    field: 'roleId',
  });
  await expectCode(db.storage.assignRoleToUser(userId, role.id, unique('none')), 'invalid_reference');
  await expect(db.storage.getUserRoles(userId, orgId)).resolves.toEqual([]);
});

it('assignRoleToUser assigns a role once however often it is called, and revokeRoleFromUser ignores unknown roles', async () => {
  const role = await db.storage.createRole(roleInput(orgId));
  for (let at = 0; at < 3; at += 1) await db.storage.assignRoleToUser(userId, role.id, orgId);
  expect(ids(await db.storage.getUserRoles(userId, orgId))).toEqual([role.id]);
  await db.storage.revokeRoleFromUser(userId, unique('none'), orgId);
  await db.storage.revokeRoleFromUser(userId, role.id, unique('none'));
  expect(ids(await db.storage.getUserRoles(userId, orgId))).toEqual([role.id]);
  await db.storage.deleteRole(role.id);
  await expect(db.storage.getUserRoles(userId, orgId)).resolves.toEqual([]);
});

it('listRoles and getUserRoles return an empty list for an unknown or empty user or organization', async () => {
  for (const none of [unique('none'), '']) {
    await expect(db.storage.listRoles(none)).resolves.toEqual([]);
    await expect(db.storage.getUserRoles(none, orgId)).resolves.toEqual([]);
    await expect(db.storage.getUserRoles(userId, none)).resolves.toEqual([]);
  }
});

it('createRole stores permissions whole, and rejects one with a missing or unknown field', async () => {
  const make = (permission: object) => db.storage.createRole(roleInput(orgId, { permissions: [permission] as never }));
  const { permissions } = await make({ name: 'Read', resource: 'doc', action: 'read', metadata: { a: [1] } });
  expect(permissions).toStrictEqual([
    { id: expect.any(String), name: 'Read', resource: 'doc', action: 'read', metadata: { a: [1] } },
  ]);
  await expectInvalidInput(make({ resource: 'doc', action: 'read' }), 'permissions[0].name');
  await expectInvalidInput(make({ name: 'Read', action: 'read' }), 'permissions[0].resource');
  await expectInvalidInput(make({ name: 'Read', resource: 'doc' }), 'permissions[0].action');
  await expectInvalidInput(make({ ...permissions[0], effect: 'deny' }), 'permissions[0].effect');
});

it('updateRole moves a role to another organization only while it is assigned to nobody', async () => {
  const other = await db.storage.createOrganization(organizationInput());
  const role = await db.storage.createRole(roleInput(orgId));
  await expect(db.storage.updateRole(role.id, { orgId: other.id })).resolves.toMatchObject({ orgId: other.id });
  await db.storage.assignRoleToUser(userId, role.id, other.id);
  await expectCode(db.storage.updateRole(role.id, { orgId }), 'invalid_reference', {
    constraint: 'user_roles_role_id_fkey',
  });
  await expect(db.storage.getRole(role.id)).resolves.toMatchObject({ orgId: other.id });
});
