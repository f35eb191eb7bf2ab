/** Organizations as their members see them, and who may do what there. */
import type { OrganizationRecord, OrganizationRole, PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import type { FastifyRequest } from 'fastify';
import { HttpError } from './errors.ts';
import type { Scope } from './scopes.ts';

/** The adapter, or a transaction. */
type Store = Pick<PostgresStorageAdapter, 'getOrganization' | 'getUserRoles'>;

const RANK: Record<OrganizationRole, number> = { member: 0, admin: 1, owner: 2 };

/**
 * The organization in the address. For everybody who does not belong to it, it does not exist. Belonging to it are its
 * members, and the keys of the organization itself, which count as an admin.
 */
export async function organizationOf(
  store: Store,
  request: FastifyRequest,
  orgId: string,
): Promise<{ organization: OrganizationRecord; role: OrganizationRole }> {
  const { user, organization: own } = request.caller;
  if (own?.id === orgId) return { organization: own, role: 'admin' };
  const organization = user && (await store.getOrganization(orgId, { signal: request.untilClientLeaves }));
  const member = organization?.members.find(({ userId }) => userId === user?.id);
  if (!organization || !member) throw new HttpError(404, 'not_found', 'There is no such organization.');
  return { organization, role: member.role };
}

/**
 * Refuses whoever has not at least that role among the members. An admin's work may also be done by a member with a role of
 * the organization's own that permits it, such as `{ resource: 'members', action: 'write' }`. An owner's may not, or such a
 * member could become an owner.
 */
export async function requireRole(
  store: Store,
  request: FastifyRequest,
  orgId: string,
  least: OrganizationRole,
  scope: Scope,
): Promise<void> {
  const { role } = await organizationOf(store, request, orgId);
  if (RANK[role] >= RANK[least]) return;
  const { user } = request.caller;
  if (user && least === 'admin') {
    const roles = await store.getUserRoles(user.id, orgId, { signal: request.untilClientLeaves });
    const permissions = roles.flatMap((each) => each.permissions);
    if (permissions.some(({ resource, action }) => `${resource}:${action}` === scope)) return;
  }
  throw new HttpError(403, 'role_missing', `This needs the role "${least}" in the organization.`);
}
