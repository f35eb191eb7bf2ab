import { z } from 'zod';
import { foldAddress } from './accounts/address.ts';

/** What `local.env` begins its SECRET with, which is no secret. */
const PUBLIC_SECRET = 'insecure-';
const LOCAL_HOSTS = ['localhost', '127.0.0.1', '[::1]'];

const Environment = z.object({
  DATABASE_URL: z.string().min(1),
  /** The origin that browsers see. With `http:`, which only this computer may use, cookies are sent without encryption. */
  SITE_URL: z.url(),
  /** The keys of forms, backup codes and TOTP secrets are derived from it: `openssl rand -base64 32`. */
  SECRET: z.string().min(32),
  /** Who may use the console, separated by commas. */
  ADMIN_EMAILS: z.string().default(''),
  HOST: z.string().default('127.0.0.1'),
  PORT: z.coerce.number().int().min(0).max(65_535).default(3000),
  /** How many proxies stand before the site, each of which adds to `X-Forwarded-For`. */
  TRUSTED_PROXIES: z.coerce.number().int().min(0).default(0),
  /** For how long a site that ends still accepts connections, until load balancers have noticed. */
  DRAIN_SECONDS: z.coerce.number().min(0).default(0),
});

export interface Config {
  databaseUrl: string;
  origin: string;
  /** Whether browsers reach the site by https. */
  isEncrypted: boolean;
  secret: string;
  adminEmails: ReadonlySet<string>;
  host: string;
  port: number;
  trustedProxies: number;
  drainMs: number;
}

/** Reads the environment. Throws an error that names the variables which are missing or wrong. */
export function readConfig(environment: NodeJS.ProcessEnv): Config {
  const { data, error } = Environment.safeParse(environment);
  if (error) throw new Error(`The environment is not complete:\n${z.prettifyError(error)}`);
  const site = new URL(data.SITE_URL);
  const isEncrypted = site.protocol === 'https:';
  if (site.href !== `${site.origin}/`) throw new Error('SITE_URL must be an origin, such as https://example.com');
  if (!isEncrypted && !(site.protocol === 'http:' && LOCAL_HOSTS.includes(site.hostname))) {
    throw new Error('SITE_URL must begin with https:, because cookies would be sent without encryption');
  }
  if (isEncrypted && data.SECRET.startsWith(PUBLIC_SECRET)) throw new Error('SECRET must be one that nobody knows');
  return {
    databaseUrl: data.DATABASE_URL,
    origin: site.origin,
    isEncrypted,
    secret: data.SECRET,
    adminEmails: new Set(
      foldAddress(data.ADMIN_EMAILS)
        .split(/[\s,]+/)
        .filter(Boolean),
    ),
    host: data.HOST,
    port: data.PORT,
    trustedProxies: data.TRUSTED_PROXIES,
    drainMs: data.DRAIN_SECONDS * 1_000,
  };
}
