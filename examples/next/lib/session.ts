/** The session of a request: a cookie with its id, and what the store knows about it. */
import 'server-only';
import type { PostgresTransaction, SessionContext } from '@kitiumai/auth-postgres';
import { cookies } from 'next/headers';
import { cache } from 'react';
import { store } from './store';

/** With this prefix a browser takes the cookie only over HTTPS (or from localhost), and from no other host or path. */
const COOKIE = '__Host-session';
const LIFETIME_MS = 7 * 86_400_000;

/** The id in the cookie, if it can be one: anybody can send anything. */
async function sessionId(): Promise<string | undefined> {
  const id = (await cookies()).get(COOKIE)?.value;
  return id && /^[0-9a-f-]{36}$/.test(id) ? id : undefined;
}

/** Who is signed in, or `null`. However often a request asks, the database is asked once. */
export const currentSession = cache(async (): Promise<SessionContext | null> => {
  const id = await sessionId();
  return id ? (await store()).getSessionContext(id) : null;
});

/**
 * Begins a session, with an id that nobody can have known before, for the user whom `userIn` finds or makes. All of it takes
 * effect together, and the session that was there before, if any, ends.
 */
export async function startSession(userIn: (tx: PostgresTransaction) => Promise<string>): Promise<void> {
  const storage = await store();
  const former = await sessionId();
  const expiresAt = new Date(Date.now() + LIFETIME_MS);
  const session = await storage.transaction(async (tx) => {
    const userId = await userIn(tx);
    if (former) await tx.deleteSession(former);
    await tx.emitEvent({ type: 'user.signed_in', principalId: userId, data: {}, timestamp: new Date() });
    return tx.createSession({ userId, expiresAt });
  });
  const jar = await cookies();
  jar.set(COOKIE, session.id, { httpOnly: true, secure: true, sameSite: 'lax', path: '/', expires: expiresAt });
}

export async function endSession(): Promise<void> {
  const id = await sessionId();
  if (id) await (await store()).deleteSession(id);
  const jar = await cookies();
  jar.delete({ name: COOKIE, secure: true, path: '/' });
}
