import { randomBytes } from 'node:crypto';
import { hash, verify } from '@node-rs/argon2';

/** OWASP's recommendation for Argon2id, which is the package's default algorithm: 19 MiB and two passes. */
const COST = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/** A password that nobody has. */
const nobodysHash = await hash(randomBytes(32), COST);

/** Keyboards write the same letter in different ways. */
const normalized = (password: string) => password.normalize('NFKC');

export function hashPassword(password: string): Promise<string> {
  return hash(normalized(password), COST);
}

/** Takes as long without a hash, so that the time of the answer does not say whether there is an account. */
export async function isPassword(storedHash: string | null, password: string): Promise<boolean> {
  const isRight = await verify(storedHash ?? nobodysHash, normalized(password));
  return storedHash !== null && isRight;
}
