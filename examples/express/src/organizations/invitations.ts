import type { EmailVerificationToken, OrganizationRecord, OrganizationRole, UserRecord } from '@kitiumai/auth-postgres';
import { InternalError } from '@kitiumai/auth-postgres';
import type { Request } from 'express';
import { z } from 'zod';
import { isTooLate } from '../accounts/accounts.ts';
import { foldAddress } from '../accounts/address.ts';
import { isVerified } from '../accounts/mails.ts';
import { findToken, issueToken } from '../accounts/tokens.ts';
import { record } from '../audit/events.ts';
import type { Site } from '../site.ts';
import { Forbidden, NotFound, WebError } from '../web/errors.ts';
import { decided, findOrganization } from './members.ts';
import { mayGrant, ROLES, roleOf } from './rules.ts';

const KEY = 'invitation:';
const MOST_PENDING = 50;

const Invitation = z.object({ email: z.string(), role: z.enum(ROLES) });
const Target = z.object({ orgId: z.string(), role: z.enum(ROLES) });

export interface PendingInvitation {
  /** The id of the token in the mail, which opens nothing without its secret half. */
  id: string;
  email: string;
  role: OrganizationRole;
}

/** Invitations that nobody has accepted. An organization keeps them in its metadata, by the id of their token. */
export function pendingInvitations({ metadata }: OrganizationRecord): PendingInvitation[] {
  return Object.entries(metadata).flatMap(([key, value]) => {
    const { data } = Invitation.safeParse(value);
    return data && key.startsWith(KEY) ? [{ id: key.slice(KEY.length), ...data }] : [];
  });
}

export interface NewInvitation {
  orgId: string;
  actorId: string;
  email: string;
  role: OrganizationRole;
}

export async function invite(
  site: Site,
  request: Request,
  { orgId, actorId, email, role }: NewInvitation,
): Promise<void> {
  const { token, name } = await decided(site, async (tx) => {
    const organization = await findOrganization(tx, orgId);
    if (!mayGrant(roleOf(organization, actorId), role)) throw new Forbidden();
    if (pendingInvitations(organization).length >= MOST_PENDING) {
      throw new WebError(409, 'There are too many open invitations. Withdraw some first.');
    }
    const issued = await issueToken(tx, { email, type: 'login_link', metadata: { orgId, role } });
    const metadata = { [KEY + issued.id]: { email, role } };
    await tx.updateOrganization(orgId, { metadata }, { mergeMetadata: true });
    const data = { email, role };
    await record(tx, request, { type: 'organization.member_invited', principalId: actorId, orgId, data });
    return { token: issued.token, name: organization.name };
  });
  if (!site.limits.mayMail(email)) return;
  await site.mailer.send({
    to: email,
    subject: `You are invited to ${name}`,
    text: `Sign in with this address to become a member of ${name}. The link works for a week.`,
    link: `${site.config.origin}/invitations?${new URLSearchParams({ token })}`,
  });
}

/** Nobody can accept it any more. Whether it was accepted before, or is too old, makes no difference. */
export async function withdraw(
  site: Site,
  request: Request,
  orgId: string,
  actorId: string,
  id: string,
): Promise<void> {
  const organization = await site.storage.getOrganization(orgId);
  const invitation = organization && pendingInvitations(organization).find((each) => each.id === id);
  if (!organization || !invitation) throw new NotFound();
  if (!mayGrant(roleOf(organization, actorId), invitation.role)) throw new Forbidden();
  await site.storage.markEmailVerificationTokenAsUsed(id).catch((error: unknown) => {
    const isGone = error instanceof InternalError && error.code === 'auth_postgres/not_found';
    if (!isGone && !isTooLate(error)) throw error;
  });
  await site.storage.updateOrganization(orgId, { metadata: { [KEY + id]: null } }, { mergeMetadata: true });
  const data = { email: invitation.email };
  await record(site.storage, request, { type: 'organization.invitation_withdrawn', principalId: actorId, orgId, data });
}

export interface FoundInvitation {
  token: EmailVerificationToken;
  organization: OrganizationRecord;
  role: OrganizationRole;
}

/** The invitation in a link, if it still stands. */
export async function findInvitation({ storage }: Site, text: unknown): Promise<FoundInvitation | null> {
  const token = await findToken(storage, text, ['login_link']);
  const { data } = Target.safeParse(token?.metadata);
  const organization = data ? await storage.getOrganization(data.orgId) : null;
  return token && data && organization ? { token, organization, role: data.role } : null;
}

/** Whether it is for this user: whoever has the link but not the address cannot use it. */
export function isFor({ token }: FoundInvitation, user: UserRecord): boolean {
  return isVerified(user) && user.email !== undefined && foldAddress(user.email) === foldAddress(token.email);
}

/** Makes the user a member. Of several who accept at once one succeeds; the others get `already_used`. */
export async function accept(site: Site, request: Request, invitation: FoundInvitation, userId: string): Promise<void> {
  const { token, role } = invitation;
  const orgId = invitation.organization.id;
  await decided(site, async (tx) => {
    await tx.markEmailVerificationTokenAsUsed(token.id);
    await tx.addOrganizationMember(orgId, { userId, role });
    await tx.updateOrganization(orgId, { metadata: { [KEY + token.id]: null } }, { mergeMetadata: true });
    await record(tx, request, { type: 'organization.member_joined', principalId: userId, orgId, data: { role } });
  });
}
