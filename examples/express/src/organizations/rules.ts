import type { OrganizationRecord, OrganizationRole } from '@kitiumai/auth-postgres';

export const ROLES = ['member', 'admin', 'owner'] as const satisfies OrganizationRole[];

/** The role of a member. Whoever is none may do nothing. */
export function roleOf({ members }: OrganizationRecord, userId: string): OrganizationRole | undefined {
  return members.find((member) => member.userId === userId)?.role;
}

/** Owners give every role, admins invite members. */
export function mayGrant(actor: OrganizationRole | undefined, role: OrganizationRole): boolean {
  return actor === 'owner' || (actor === 'admin' && role === 'member');
}

export function mayChangeRoles(actor: OrganizationRole | undefined): boolean {
  return actor === 'owner';
}

/** Owners remove everybody, admins remove members, and everybody may leave. */
export function mayRemove(
  actor: OrganizationRole | undefined,
  target: OrganizationRole | undefined,
  isSelf: boolean,
): boolean {
  return actor !== undefined && (isSelf || mayGrant(actor, target ?? 'owner'));
}
