import { InternalError, type OrganizationRole, type PostgresTransaction } from '@kitiumai/auth-postgres';
import type { Request } from 'express';
import { record } from '../audit/events.ts';
import type { Site } from '../site.ts';
import { Forbidden, NotFound, WebError } from '../web/errors.ts';
import { mayChangeRoles, mayGrant, mayRemove, roleOf } from './rules.ts';

const FREE = { plan: 'free', seats: 10 };

export async function createOrganization(
  { storage }: Site,
  request: Request,
  userId: string,
  name: string,
): Promise<string> {
  return storage.transaction(async (tx) => {
    const members = [{ userId, role: 'owner' as const, joinedAt: new Date() }];
    const { id } = await tx.createOrganization({ name, ...FREE, members });
    await record(tx, request, { type: 'organization.created', principalId: userId, orgId: id, data: { name } });
    return id;
  });
}

export interface MemberChange {
  orgId: string;
  /** Who does it. */
  actorId: string;
  /** Whom it concerns. */
  userId: string;
}

export function changeRole(
  site: Site,
  request: Request,
  { orgId, actorId, userId }: MemberChange,
  role: OrganizationRole,
) {
  return decided(site, async (tx) => {
    const organization = await findOrganization(tx, orgId);
    const actor = roleOf(organization, actorId);
    if (!mayChangeRoles(actor) || !mayGrant(actor, role)) throw new Forbidden();
    await tx.setOrganizationMemberRole(orgId, userId, role);
    const data = { userId, role };
    await record(tx, request, { type: 'organization.role_changed', principalId: actorId, orgId, data });
  });
}

export function removeMember(site: Site, request: Request, { orgId, actorId, userId }: MemberChange) {
  return decided(site, async (tx) => {
    const organization = await findOrganization(tx, orgId);
    const target = roleOf(organization, userId);
    if (!mayRemove(roleOf(organization, actorId), target, actorId === userId)) throw new Forbidden();
    await tx.removeOrganizationMember(orgId, userId);
    await record(tx, request, { type: 'organization.member_removed', principalId: actorId, orgId, data: { userId } });
  });
}

/**
 * Decides by a state of the organization that nobody changes meanwhile: if somebody does, PostgreSQL undoes the transaction, and
 * the function decides again.
 */
export async function decided<T>({ storage }: Site, decide: (tx: PostgresTransaction) => Promise<T>): Promise<T> {
  try {
    return await storage.transaction(decide, { isolationLevel: 'repeatable read', retries: 5 });
  } catch (error) {
    throw refusalOfStore(error) ?? error;
  }
}

export async function findOrganization(tx: PostgresTransaction, orgId: string) {
  const organization = await tx.getOrganization(orgId);
  if (!organization) throw new NotFound();
  return organization;
}

/** What the store's rules about members are in words. */
function refusalOfStore(error: unknown): WebError | undefined {
  if (!(error instanceof InternalError)) return undefined;
  const { operation, field } = error.context;
  if (error.code === 'auth_postgres/invalid_input' && field === 'members')
    return new WebError(409, 'All seats are taken.');
  if (error.code === 'auth_postgres/invalid_input' && (field === 'role' || field === 'userId')) {
    return new WebError(409, 'An organization keeps at least one owner. Make somebody else an owner first.');
  }
  if (error.code === 'auth_postgres/conflict' && operation === 'addOrganizationMember') {
    return new WebError(409, 'You are a member already.');
  }
  return error.code === 'auth_postgres/not_found' ? new NotFound() : undefined;
}
