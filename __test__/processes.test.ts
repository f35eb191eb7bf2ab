/** Four processes use the same tokens, codes, accounts, roles, e-mails and counters; the result is read from the tables. */
import { useDatabase } from './helpers/database';
import { makeWorld, type World } from './helpers/families';
import {
  backupCodesInput,
  emailTokenInput,
  roleInput,
  sha256,
  twoFactorSessionInput,
  unique,
  userInput,
} from './helpers/fixtures';
import { runScript } from './helpers/process';

const db = useDatabase();
const PROCESSES = 4;
const ITEMS = 50;
/** Calls of each process for each item. */
const TRIES = 3;

/** What all processes are given. */
interface Prey {
  tokens: string[];
  codes: string[];
  roles: string[];
  emails: string[];
  counter: string;
  attempts: string;
  userId: string;
  orgId: string;
  /** A user of each process, and the accounts that all of them want. */
  rivals: string[];
  accounts: string[];
}

/** What one process has done: how often each call succeeded, and with which codes it was refused. */
type Report = Record<string, { won: number; codes: Record<string, number> }>;

const HUNT = `
  import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
  const prey = JSON.parse(process.env.PREY);
  const me = Number(process.env.ME);
  const storage = new PostgresStorageAdapter(process.env.DB, { max: 5 });
  const report = {};
  async function hunt(name, call) {
    const seen = (report[name] ??= { won: 0, codes: {} });
    try {
      await call();
      seen.won += 1;
    } catch (error) {
      const code = error.code ?? String(error);
      seen.codes[code] = (seen.codes[code] ?? 0) + 1;
    }
  }
  const link = (sub) => ({ provider: 'google', sub, linkedAt: new Date() });
  await storage.connect();
  // The processes go through the items in different orders: that is what deadlocks are made of.
  const mine = (list) => (me % 2 === 0 ? list : [...list].reverse());
  const each = (list, name, call) =>
    mine(list).flatMap((item) => Array.from({ length: ${TRIES} }, () => hunt(name, () => call(item))));
  await Promise.all([
    ...each(prey.tokens, 'tokens', (id) => storage.markEmailVerificationTokenAsUsed(id)),
    ...each(prey.codes, 'codes', (id) => storage.markBackupCodeUsed(id)),
    ...each(prey.roles, 'roles', (id) => storage.assignRoleToUser(prey.userId, id, prey.orgId)),
    ...each(prey.emails, 'emails', (email) => storage.createUser({ email })),
    ...each(prey.accounts, 'accounts', (sub) => storage.linkOAuthAccount(prey.rivals[me], 'google', link(sub))),
    ...each(prey.tokens, 'attempts', () => storage.incrementEmailVerificationTokenAttempts(prey.attempts)),
    ...each(prey.tokens, 'counter', () => storage.incrementTwoFactorSessionAttempts(prey.counter)),
  ]);
  await storage.disconnect();
  console.log(JSON.stringify(report));
`;

async function makePrey({ userId, orgId, deviceId }: World): Promise<Prey> {
  const items = Array.from({ length: ITEMS }, (_, at) => at);
  const ids = (rows: Promise<{ id: string }>[]) => Promise.all(rows).then((made) => made.map(({ id }) => id));
  const codes = await db.storage.createBackupCodes(userId, backupCodesInput(userId, ITEMS));
  const [attempts] = await ids([db.storage.createEmailVerificationToken(emailTokenInput())]);
  const [counter] = await ids([
    db.storage.createTwoFactorSession(twoFactorSessionInput(userId, deviceId, { maxAttempts: 1_000_000 })),
  ]);
  return {
    ...{ userId, orgId, attempts: attempts as string, counter: counter as string },
    tokens: await ids(items.map(() => db.storage.createEmailVerificationToken(emailTokenInput()))),
    codes: codes.map(({ id }) => id),
    roles: await ids(items.map(() => db.storage.createRole(roleInput(orgId)))),
    emails: items.map(() => `${unique('hunted')}@example.com`),
    rivals: await ids(Array.from({ length: PROCESSES }, () => db.storage.createUser(userInput()))),
    accounts: items.map(() => sha256(unique())),
  };
}

const count = async (sql: string, ...parameters: unknown[]) =>
  (await db.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${sql}`, parameters))[0]?.n;

it('four processes at once have one winner for each item, exact counts, and no deadlock errors', async () => {
  const prey = await makePrey(await makeWorld(db.storage));
  const reports = await Promise.all(
    Array.from({ length: PROCESSES }, async (_, me) => {
      const env = { PREY: JSON.stringify(prey), ME: `${me}`, DB: db.url };
      const { code, stdout, stderr } = await runScript(HUNT, { env, timeoutMs: 25_000 });
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      return JSON.parse(stdout) as Report;
    }),
  );
  const all = PROCESSES * ITEMS * TRIES;
  const total = (name: string) => reports.reduce((sum, report) => sum + (report[name]?.won ?? 0), 0);
  const codes = (name: string) => [...new Set(reports.flatMap((report) => Object.keys(report[name]?.codes ?? {})))];

  for (const name of ['tokens', 'codes', 'emails']) expect({ name, won: total(name) }).toEqual({ name, won: ITEMS });
  expect(codes('tokens')).toEqual(['auth_postgres/already_used']);
  expect(codes('codes')).toEqual(['auth_postgres/already_used']);
  expect(codes('emails')).toEqual(['auth_postgres/conflict']);
  expect(codes('accounts')).toEqual(['auth_postgres/conflict']);
  // These calls may be repeated.
  for (const name of ['roles', 'attempts', 'counter']) expect({ name, won: total(name) }).toEqual({ name, won: all });

  expect(await count('email_verification_tokens WHERE id = ANY($1) AND used_at IS NOT NULL', prey.tokens)).toBe(ITEMS);
  expect(await count('twofa_backup_codes WHERE id = ANY($1) AND used', prey.codes)).toBe(ITEMS);
  expect(await count('user_roles WHERE role_id = ANY($1)', prey.roles)).toBe(ITEMS);
  expect(
    await count(
      'users WHERE lower(email) = ANY($1)',
      prey.emails.map((email) => email.toLowerCase()),
    ),
  ).toBe(ITEMS);
  // A user has one account at a provider, the last one it won.
  const held = await db.query<{ sub: string }>('SELECT sub FROM user_oauth_accounts WHERE user_id = ANY($1)', [
    prey.rivals,
  ]);
  expect(new Set(held.map(({ sub }) => sub)).size).toBe(held.length);
  expect(held.length).toBeLessThanOrEqual(PROCESSES);
  await expect(db.storage.getEmailVerificationTokenAttempts(prey.attempts)).resolves.toBe(all);
  expect((await db.storage.getTwoFactorSession(prey.counter))?.attemptCount).toBe(all);
});
