import { randomUUID } from 'node:crypto';
import type { PostgresStorageAdapter, SessionRecord, UserRecord } from '@kitiumai/auth-postgres';
import type { Request } from 'express';
import { record, userAgentOf } from '../audit/events.ts';
import { isPassword } from '../secure/passwords.ts';
import type { Site } from '../site.ts';
import { verifiedDeviceOf } from '../two-factor/devices.ts';
import { sessionEnd } from '../web/visit.ts';

/** How long somebody may take to enter the second factor. */
const PENDING_MS = 5 * 60_000;
const MOST_CODES = 5;

type SessionStore = Pick<PostgresStorageAdapter, 'createSession' | 'emitEvent'>;

/** The user with this address and password. Takes as long for an unknown address as for a wrong password. */
export async function checkPassword({ storage }: Site, email: string, password: string) {
  const user = await storage.getUserByEmail(email);
  const hash = await storage.getPasswordHash(user?.id ?? 'nobody');
  const isRight = await isPassword(hash, password);
  return { user, isRight };
}

/** A session, or the id of a sign-in that waits for its second factor. */
export async function beginSignIn(
  { storage }: Site,
  request: Request,
  user: UserRecord,
): Promise<{ session: SessionRecord } | { pendingId: string }> {
  const device = await verifiedDeviceOf(storage, user.id);
  if (!device) {
    return { session: await storage.transaction((tx) => openSession(tx, request, user.id, { secondFactor: false })) };
  }
  const pending = await storage.createTwoFactorSession({
    userId: user.id,
    sessionId: randomUUID(),
    deviceId: device.id,
    method: 'totp',
    maxAttempts: MOST_CODES,
    expiresAt: new Date(Date.now() + PENDING_MS),
  });
  return { pendingId: pending.id };
}

/** Makes a session under a new id, never under one that a browser brought along. */
export async function openSession(
  store: SessionStore,
  request: Request,
  userId: string,
  { secondFactor }: { secondFactor: boolean },
): Promise<SessionRecord> {
  const session = await store.createSession({
    userId,
    expiresAt: sessionEnd(),
    metadata: { secondFactor, ip: request.ip, userAgent: userAgentOf(request) },
  });
  await record(store, request, { type: 'user.signed_in', principalId: userId, data: { secondFactor } });
  return session;
}
