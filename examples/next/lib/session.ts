/** The session of a request: a cookie with its id, and what the store knows about it. */
import 'server-only';
import type { PostgresTransaction, SessionContext } from '@kitiumai/auth-postgres';
import { cookies } from 'next/headers';
import { cache } from 'react';
import { store } from './store';

/** With this prefix a browser takes the cookie only over HTTPS (or from localhost), and from no other host or path. */
const COOKIE = '__Host-session';
const LIFETIME_MS = 7 * 86_400_000;

/** Who is signed in, or `null`. However often a request asks, the database is asked once. */
export const currentSession = cache(async (): Promise<SessionContext | null> => {
  const id = (await cookies()).get(COOKIE)?.value;
  return id ? (await store()).getSessionContext(id) : null;
});

/**
 * Begins a session, with an id that nobody can have known before, for the user whom `userIn` finds or makes. All of it takes
 * effect together, and the session that was there before, if any, ends.
 */
export async function startSession(userIn: (tx: PostgresTransaction) => Promise<string>): Promise<void> {
  const jar = await cookies();
  const storage = await store();
  const former = jar.get(COOKIE)?.value;
  const expiresAt = new Date(Date.now() + LIFETIME_MS);
  const session = await storage.transaction(async (tx) => {
    const userId = await userIn(tx);
    if (former) await tx.deleteSession(former);
    await tx.emitEvent({ type: 'user.signed_in', principalId: userId, data: {}, timestamp: new Date() });
    return tx.createSession({ userId, expiresAt });
  });
  jar.set(COOKIE, session.id, { httpOnly: true, secure: true, sameSite: 'lax', path: '/', expires: expiresAt });
}

export async function endSession(): Promise<void> {
  const jar = await cookies();
  const id = jar.get(COOKIE)?.value;
  if (id) await (await store()).deleteSession(id);
  jar.delete({ name: COOKIE, secure: true, path: '/' });
}
