import { randomBytes } from 'node:crypto';
import type { BackupCode } from '@kitiumai/auth-postgres';
import { isEqual } from '../secure/secrets.ts';
import type { Site } from '../site.ts';

const COUNT = 10;
/** Without letters and digits that look alike. */
const ALPHABET = '23456789ABCDEFGHJKLMNPQRSTUVWXYZ';
const LENGTH = 16;

/** Ten codes of 80 bits, in groups of four. */
export function makeBackupCodes(): string[] {
  return Array.from({ length: COUNT }, () => {
    // There are 32 characters, so that each is as likely as the others.
    const characters = [...randomBytes(LENGTH)].map((byte) => ALPHABET[byte % ALPHABET.length]);
    return characters.join('').replace(/(.{4})(?=.)/g, '$1-');
  });
}

/** What is stored of a code. The key is not in the database, so that codes cannot be guessed from there. */
export function hashBackupCode({ secrets }: Site, code: string): string {
  return secrets.sign('backup code', code.toUpperCase().replace(/[^A-Z0-9]/g, ''));
}

/** The unused code among those of a user that equals what was typed. All of them are compared. */
export function findBackupCode(site: Site, codes: BackupCode[], typed: string): BackupCode | undefined {
  const hash = hashBackupCode(site, typed);
  const [found] = codes.filter(({ code, used }) => isEqual(code, hash) && !used);
  return found;
}
