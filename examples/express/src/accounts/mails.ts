import type { UserRecord } from '@kitiumai/auth-postgres';
import type { Site } from '../site.ts';
import { issueToken } from './tokens.ts';

/** Whoever has chosen a password has opened a link from a mail to the address. */
export function isVerified(user: UserRecord): boolean {
  return typeof user.metadata.emailVerifiedAt === 'string';
}

/** A link at which somebody who has just signed up chooses a password. */
export function sendVerification({ config, mailer }: Site, email: string, token: string): Promise<void> {
  return mailer.send({
    to: email,
    subject: 'Confirm your address',
    text: 'Somebody, probably you, has signed up with this address. Choose a password to finish; the link works for a day.',
    link: linkTo(config.origin, token),
  });
}

/** Somebody has signed up with an address that has an account already, or has forgotten the password. */
export async function sendWayIn(site: Site, user: UserRecord, reason: 'sign-up' | 'forgotten'): Promise<void> {
  const { email } = user;
  if (email === undefined) return;
  if (!isVerified(user)) {
    const { token } = await issueToken(site.storage, { email, userId: user.id, type: 'verify_email' });
    return sendVerification(site, email, token);
  }
  const { token } = await issueToken(site.storage, { email, userId: user.id, type: 'reset_password' });
  await site.mailer.send({
    to: email,
    subject: reason === 'sign-up' ? 'You have an account already' : 'Choose a new password',
    text: `${
      reason === 'sign-up'
        ? 'Somebody, probably you, has signed up again.'
        : 'Somebody, probably you, has asked for it.'
    } If you have forgotten your password, choose a new one; the link works for an hour.`,
    link: linkTo(site.config.origin, token),
  });
}

function linkTo(origin: string, token: string): string {
  return `${origin}/choose-password?${new URLSearchParams({ token })}`;
}
