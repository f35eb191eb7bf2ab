/** Roles: lists and assignments. */
import { useDatabase } from './helpers/database';
import { expectCode } from './helpers/errors';
import { makeWorld } from './helpers/families';
import { organizationInput, roleInput, unique } from './helpers/fixtures';
import { ids, tie } from './helpers/order';

const db = useDatabase();
let userId: string;
let orgId: string;

beforeAll(async () => {
  ({ userId, orgId } = await makeWorld(db.storage));
});

it('are listed in order, assigned, and taken away', async () => {
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

it('of another organization cannot be assigned', async () => {
  const role = await db.storage.createRole(roleInput(orgId));
  const other = await db.storage.createOrganization(organizationInput());
  await expectCode(db.storage.assignRoleToUser(userId, role.id, other.id), 'invalid_reference', { field: 'roleId' });
  await expectCode(db.storage.assignRoleToUser(unique('nobody'), role.id, orgId), 'invalid_reference', {
    field: 'userId',
  });
});
