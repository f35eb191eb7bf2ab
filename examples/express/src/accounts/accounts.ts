import { type EmailVerificationToken, InternalError } from '@kitiumai/auth-postgres';
import type { Request } from 'express';
import { record } from '../audit/events.ts';
import { hashPassword } from '../secure/passwords.ts';
import type { Site } from '../site.ts';
import { sendVerification, sendWayIn } from './mails.ts';
import { issueToken } from './tokens.ts';

/**
 * Makes an account without a password. It is chosen at the link in the mail, by whoever reads the mails of that address: a
 * password that was given here could be that of somebody else, who waits for the owner to confirm the address.
 *
 * Account, token and event come into being together or not at all. If there is an account already, its owner gets a mail.
 */
export async function signUp(site: Site, request: Request, email: string, name: string): Promise<void> {
  let token: string;
  try {
    token = await site.storage.transaction(async (tx) => {
      const user = await tx.createUser({ email, name });
      await record(tx, request, { type: 'user.signed_up', principalId: user.id });
      return (await issueToken(tx, { email, userId: user.id, type: 'verify_email' })).token;
    });
  } catch (error) {
    const isTaken = error instanceof InternalError && error.code === 'auth_postgres/conflict';
    if (!isTaken || error.context.field !== 'email') throw error;
    return remindOfAccount(site, email, 'sign-up');
  }
  if (site.limits.mayMail(email)) await sendVerification(site, email, token);
}

/** Sends a mail if there is such an account. */
export async function remindOfAccount(site: Site, email: string, reason: 'sign-up' | 'forgotten'): Promise<void> {
  const user = await site.storage.getUserByEmail(email);
  if (user && site.limits.mayMail(email)) await sendWayIn(site, user, reason);
}

/**
 * Uses a token, and ends all sessions: whoever was signed in with the old password is out. Of several who use it at once one
 * succeeds. Resolves with `false` for the others.
 */
export async function choosePassword(
  { storage }: Site,
  request: Request,
  token: EmailVerificationToken,
  password: string,
): Promise<boolean> {
  const { userId, email } = token;
  if (userId === undefined) return false;
  const passwordHash = await hashPassword(password);
  const emailVerifiedAt = new Date().toISOString();
  const work = storage.transaction(
    async (tx) => {
      await tx.markEmailVerificationTokenAsUsed(token.id);
      await tx.setPasswordHash(userId, passwordHash);
      await tx.updateUser(userId, { metadata: { emailVerifiedAt } }, { mergeMetadata: true });
      for (const type of ['verify_email', 'reset_password']) {
        const others = await tx.getEmailVerificationTokens(email, type);
        for (const { id } of others) await tx.markEmailVerificationTokenAsUsed(id);
      }
      await tx.deleteUserSessions(userId);
      await record(tx, request, { type: 'user.password_set', principalId: userId });
    },
    { retries: 3 },
  );
  return work.then(
    () => true,
    (error: unknown) => {
      if (isTooLate(error)) return false;
      throw error;
    },
  );
}

/** Whether somebody else was first, or the time is over. */
export function isTooLate(error: unknown): boolean {
  return error instanceof InternalError && ['auth_postgres/already_used', 'auth_postgres/expired'].includes(error.code);
}
