import type { OrganizationRecord, SessionRecord, UserRecord } from '@kitiumai/auth-postgres';
import type { Request, RequestHandler } from 'express';
import { foldAddress } from '../accounts/address.ts';
import type { Site } from '../site.ts';
import { NotFound } from './errors.ts';
import { visitOf } from './visit.ts';

/** Sends everybody else to the page for signing in, and then back here. */
export const requireSignIn: RequestHandler = (request, response, next) => {
  if (visitOf(request).context) return next();
  response.redirect(303, `/sign-in?${new URLSearchParams({ next: request.originalUrl })}`);
};

export function userOf(request: Request): UserRecord {
  return contextOf(request).user;
}

export function sessionOf(request: Request): SessionRecord {
  return contextOf(request).session;
}

/** The organization of the path. It is not there for somebody who does not belong to it. */
export function organizationOf(request: Request): OrganizationRecord {
  const { organization } = contextOf(request);
  if (!organization) throw new NotFound();
  return organization;
}

/** Whether somebody may use the console, once signed in with a second factor. */
export function isAdmin({ config }: Site, user: UserRecord): boolean {
  return user.email !== undefined && config.adminEmails.has(foldAddress(user.email));
}

export function hasSecondFactor(session: SessionRecord): boolean {
  return session.metadata.secondFactor === true;
}

function contextOf(request: Request) {
  const { context } = visitOf(request);
  if (!context) throw new Error(`${request.originalUrl} is served without requireSignIn`);
  return context;
}
