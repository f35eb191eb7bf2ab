import { randomBytes } from 'node:crypto';
import type { EmailTokenType, EmailVerificationToken, PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { isEqual, sha256 } from '../secure/secrets.ts';

const HOUR = 3_600_000;
const LIFETIMES = { verify_email: 24 * HOUR, reset_password: HOUR, login_link: 7 * 24 * HOUR, change_email: HOUR };
const TOKEN = /^([\w-]{1,64})\.([\w-]{43})$/;

type TokenStore = Pick<PostgresStorageAdapter, 'createEmailVerificationToken' | 'getEmailVerificationTokenById'>;

export interface TokenInput {
  email: string;
  type: EmailTokenType;
  userId?: string;
  metadata?: Record<string, unknown>;
}

/** Makes a token for a link in a mail. Only a hash of its secret half is stored, so that nobody can read it there. */
export async function issueToken(store: TokenStore, input: TokenInput): Promise<{ id: string; token: string }> {
  const secret = randomBytes(32).toString('base64url');
  const { id } = await store.createEmailVerificationToken({
    ...input,
    code: 'only in the mail',
    codeHash: sha256(secret),
    expiresAt: new Date(Date.now() + LIFETIMES[input.type]),
  });
  return { id, token: `${id}.${secret}` };
}

/** Finds what a token from a link stands for, without using it. `null` if it is wrong, used, or too old. */
export async function findToken(
  store: TokenStore,
  token: unknown,
  types: EmailTokenType[],
): Promise<EmailVerificationToken | null> {
  const [, id, secret] = TOKEN.exec(typeof token === 'string' ? token : '') ?? [];
  if (id === undefined || secret === undefined) return null;
  const found = await store.getEmailVerificationTokenById(id);
  if (!found || found.usedAt || !types.includes(found.type)) return null;
  return isEqual(found.codeHash, sha256(secret)) ? found : null;
}
