import type { Request } from 'express';

/** What a page says after a redirect. The address only names the text, so that nobody can put words into the site's mouth. */
const NOTICES = {
  'password-set': 'Your password is set. You can sign in now.',
  'signed-out': 'You are signed out.',
  'signed-out-everywhere': 'You are signed out everywhere.',
  'session-ended': 'The session is ended.',
  'sign-in-again': 'The sign-in took too long, or too many codes were wrong. Please begin again.',
  'key-revoked': 'The key is revoked.',
  'second-factor-off': 'Two-factor authentication is off.',
  'second-factor-needed': 'The console needs two-factor authentication. Turn it on, or sign in again if it is on.',
  invited: 'The invitation is sent.',
  'invitation-withdrawn': 'The invitation is withdrawn.',
  joined: 'Welcome. You are a member now.',
  'role-changed': 'The role is changed.',
  'member-removed': 'The member is removed.',
} as const;

export type Notice = keyof typeof NOTICES;

export function noticeOf({ query }: Request): string | undefined {
  return Object.entries(NOTICES).find(([name]) => name === query.notice)?.[1];
}

/** The address of a page that shows a notice. */
export function withNotice(path: string, notice: Notice): string {
  return `${path}?notice=${notice}`;
}
