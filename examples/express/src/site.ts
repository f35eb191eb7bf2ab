import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import type { Config } from './config.ts';
import type { Mailer } from './mail/mailer.ts';
import type { Cookies } from './secure/cookies.ts';
import type { Limits } from './secure/limits.ts';
import type { Secrets } from './secure/secrets.ts';

/** What all parts of the site use. */
export interface Site {
  config: Config;
  storage: PostgresStorageAdapter;
  secrets: Secrets;
  cookies: Cookies;
  limits: Limits;
  mailer: Mailer;
}
