import { randomBytes } from 'node:crypto';
import type { SessionContext } from '@kitiumai/auth-postgres';
import type { Request, RequestHandler, Response } from 'express';
import type { Site } from '../site.ts';

const MINUTE = 60_000;
/** A session that nobody uses ends after half an hour, and every other one after half a day. */
const IDLE_MS = 30 * MINUTE;
const LONGEST_MS = 12 * 60 * MINUTE;

/** Who sends a request. */
export interface Visit {
  /** The token of this visit's forms. */
  csrf: string;
  /** Absent for somebody who is not signed in. */
  context?: SessionContext;
}

const visits = new WeakMap<Request, Visit>();

/**
 * Finds session, user, organization and roles in one round trip, once for a request, and moves the expiry of the session.
 * With a path like `/organizations/:orgId` the organization is that of the path.
 */
export function loadVisit(site: Site): RequestHandler {
  return async (request, response, next) => {
    if (!visits.has(request)) visits.set(request, await readVisit(site, request, response));
    next();
  };
}

export function visitOf(request: Request): Visit {
  const visit = visits.get(request);
  if (!visit) throw new Error(`${request.originalUrl} is served without loadVisit`);
  return visit;
}

/** When a session ends that begins or is used now. In full minutes, so that it is written once a minute at most. */
export function sessionEnd(): Date {
  return new Date(Math.ceil((Date.now() + IDLE_MS) / MINUTE) * MINUTE);
}

async function readVisit(site: Site, request: Request, response: Response): Promise<Visit> {
  const { cookies, secrets, storage } = site;
  const { orgId } = request.params;
  const sessionId = cookies.read(request, 'session');
  const options = { extendTo: sessionEnd(), orgId: typeof orgId === 'string' ? orgId : null };
  let context = sessionId === undefined ? null : await storage.getSessionContext(sessionId, options);
  if (context && context.session.createdAt.getTime() + LONGEST_MS < Date.now()) {
    await storage.deleteSession(context.session.id);
    context = null;
  }
  if (sessionId !== undefined && !context) cookies.clear(response, 'session');

  let visitor = cookies.read(request, 'visitor');
  if (visitor === undefined) {
    visitor = randomBytes(32).toString('base64url');
    cookies.set(response, 'visitor', visitor);
  }
  const csrf = secrets.sign('form', `${visitor} ${context?.session.id ?? ''}`);
  return context ? { csrf, context } : { csrf };
}
