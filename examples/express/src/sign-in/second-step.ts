import type { PostgresTransaction, SessionRecord, TwoFactorSession } from '@kitiumai/auth-postgres';
import type { Request } from 'express';
import { isTooLate } from '../accounts/accounts.ts';
import { record } from '../audit/events.ts';
import type { Site } from '../site.ts';
import { findBackupCode } from '../two-factor/backup-codes.ts';
import { openDevice, stepOf } from '../two-factor/devices.ts';
import { openSession } from './sign-in.ts';

/** Says that a code is wrong, inside of the transaction, so that nothing of it stays. */
class WrongCode extends Error {}

/**
 * Ends a sign-in by a code of the authenticator or by a backup code. Using the code, completing the sign-in and making the
 * session take effect together; the database accepts each code and each sign-in once, however many try at the same time.
 *
 * Resolves with `'over'` if there is no such sign-in any more, or too many codes were wrong.
 */
export async function finishSignIn(
  site: Site,
  request: Request,
  pendingId: string,
  code: string,
): Promise<SessionRecord | 'wrong' | 'over'> {
  const { storage } = site;
  const pending = await storage.getTwoFactorSession(pendingId);
  if (!pending || pending.completedAt) return 'over';
  try {
    // Before the code is looked at, so that parallel attempts count as well.
    await storage.incrementTwoFactorSessionAttempts(pendingId);
  } catch (error) {
    if (isTooLate(error)) return 'over';
    throw error;
  }
  try {
    return await storage.transaction(async (tx) => {
      await takeCode(site, tx, pending, code);
      await tx.completeTwoFactorSession(pendingId);
      return openSession(tx, request, pending.userId, { secondFactor: true });
    });
  } catch (error) {
    if (!(error instanceof WrongCode) && !isTooLate(error)) throw error;
    await record(storage, request, {
      type: 'user.sign_in_failed',
      principalId: pending.userId,
      data: { factor: 'second' },
    });
    return 'wrong';
  }
}

async function takeCode(site: Site, tx: PostgresTransaction, pending: TwoFactorSession, code: string): Promise<void> {
  if (/^\d{6}$/.test(code)) {
    const device = await tx.getTwoFactorDevice(pending.deviceId);
    const step = device?.verified ? stepOf(openDevice(site, device), code) : null;
    if (!device || step === null) throw new WrongCode();
    return tx.useTwoFactorStep(device.id, step);
  }
  const backupCode = findBackupCode(site, await tx.getBackupCodes(pending.userId), code);
  if (!backupCode) throw new WrongCode();
  return tx.markBackupCodeUsed(backupCode.id);
}
