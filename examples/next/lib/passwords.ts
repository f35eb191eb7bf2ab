/** Passwords, hashed by Argon2id with the library's defaults, which are those that OWASP recommends. */
import 'server-only';
import { hash, verify } from '@node-rs/argon2';

export const hashPassword = (password: string): Promise<string> => hash(password);

/** Is compared with where there is no user, so that the answer takes as long as with one. */
let ofNobody: Promise<string> | undefined;

export async function isPassword(stored: string | null, password: string): Promise<boolean> {
  ofNobody ??= hash('the password of nobody');
  const isRight = await verify(stored ?? (await ofNobody), password);
  return stored !== null && isRight;
}
