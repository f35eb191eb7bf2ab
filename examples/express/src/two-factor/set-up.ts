import type { PostgresTransaction, SessionRecord, TwoFactorDevice, UserRecord } from '@kitiumai/auth-postgres';
import type { Request } from 'express';
import { isTooLate } from '../accounts/accounts.ts';
import { type EventType, record } from '../audit/events.ts';
import { openSession } from '../sign-in/sign-in.ts';
import type { Site } from '../site.ts';
import { hashBackupCode, makeBackupCodes } from './backup-codes.ts';
import { newDeviceOf, openDevice, sealedSecret, stepOf, verifiedDeviceOf } from './devices.ts';

/** Makes an authenticator that counts once a code of it has been entered, in place of others that never were. */
export async function beginSetUp(site: Site, user: UserRecord): Promise<void> {
  await site.storage.transaction(async (tx) => {
    if (await verifiedDeviceOf(tx, user.id)) return;
    for (const device of await tx.listTwoFactorDevices(user.id)) await tx.deleteTwoFactorDevice(device.id);
    await tx.createTwoFactorDevice({ userId: user.id, method: 'totp', secret: sealedSecret(site, user.id) });
  });
}

export interface Confirmed {
  /** To be shown once. */
  codes: string[];
  session: SessionRecord;
}

/** Turns two-factor authentication on, and ends all sessions but a new one. `null` if the code is wrong. */
export async function confirmSetUp(
  site: Site,
  request: Request,
  user: UserRecord,
  code: string,
): Promise<Confirmed | null> {
  const device = await newDeviceOf(site.storage, user.id);
  const step = device ? stepOf(openDevice(site, device), code) : null;
  if (!device || step === null) return null;
  try {
    return await site.storage.transaction((tx) => enable(site, tx, request, device, step));
  } catch (error) {
    if (isTooLate(error)) return null;
    throw error;
  }
}

async function enable(
  site: Site,
  tx: PostgresTransaction,
  request: Request,
  { id, userId }: TwoFactorDevice,
  step: number,
) {
  await tx.useTwoFactorStep(id, step);
  await tx.updateTwoFactorDevice(id, { verified: true });
  const codes = await replaceCodes(site, tx, userId);
  const session = await changeFactors(tx, request, userId, 'user.second_factor_enabled', true);
  return { codes, session };
}

/** Ten new backup codes; the old ones are worth nothing from then on. */
export function replaceBackupCodes(site: Site, request: Request, { id }: UserRecord): Promise<string[]> {
  return site.storage.transaction(async (tx) => {
    await record(tx, request, { type: 'user.backup_codes_replaced', principalId: id });
    return replaceCodes(site, tx, id);
  });
}

/** Removes all authenticators and backup codes, and ends all sessions but a new one. */
export function turnOff({ storage }: Site, request: Request, { id }: UserRecord): Promise<SessionRecord> {
  return storage.transaction(async (tx) => {
    for (const device of await tx.listTwoFactorDevices(id)) await tx.deleteTwoFactorDevice(device.id);
    await tx.createBackupCodes(id, []);
    return changeFactors(tx, request, id, 'user.second_factor_disabled', false);
  });
}

async function replaceCodes(site: Site, tx: PostgresTransaction, userId: string): Promise<string[]> {
  const codes = makeBackupCodes();
  const hashes = codes.map((code) => hashBackupCode(site, code));
  await tx.createBackupCodes(userId, hashes);
  return codes;
}

async function changeFactors(
  tx: PostgresTransaction,
  request: Request,
  userId: string,
  type: EventType,
  secondFactor: boolean,
): Promise<SessionRecord> {
  await tx.deleteUserSessions(userId);
  await record(tx, request, { type, principalId: userId });
  return openSession(tx, request, userId, { secondFactor });
}
