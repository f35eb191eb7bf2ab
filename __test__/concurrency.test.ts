/** Races of 16 callers over four adapters, 20 rounds each. The outcome is checked in the tables. */
import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { useDatabase } from './helpers/database';
import { makeWorld, type World } from './helpers/families';
import {
  apiKeyInput,
  emailTokenInput,
  inAnHour,
  memberInput,
  oauthLink,
  organizationInput,
  roleInput,
  sessionInput,
  ssoLinkInput,
  twoFactorSessionInput,
  unique,
  userInput,
} from './helpers/fixtures';
import { type Outcome, race } from './helpers/race';

const CALLERS = 16;
const ROUNDS = 20;

const db = useDatabase();
let adapters: PostgresStorageAdapter[];
let world: World;

beforeAll(async () => {
  adapters = [db.storage, ...Array.from({ length: 3 }, () => db.adapter({ max: 5 }))];
  world = await makeWorld(db.storage);
});

/** `prepare` makes the rows of a round, `call` is made by all callers at once, `check` examines the outcome. */
function races<P, T>(
  title: string,
  prepare: () => Promise<P> | P,
  call: (adapter: PostgresStorageAdapter, prepared: P, index: number) => Promise<T>,
  check: (outcome: Outcome<T>, prepared: P) => Promise<void>,
) {
  it(title, async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const prepared = await prepare();
      await check(await race(CALLERS, adapters, (adapter, index) => call(adapter, prepared, index)), prepared);
    }
  });
}

function expectOneWinner({ fulfilled, rejected }: Outcome<unknown>, code: string) {
  expect(fulfilled).toHaveLength(1);
  expect(new Set(rejected.map((error) => error.code))).toEqual(new Set([`auth_postgres/${code}`]));
}

const count = async (sql: string, ...parameters: unknown[]) =>
  (await db.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${sql}`, parameters))[0]?.n;

/** Upper and lower case, by turns. */
const inSomeCase = (text: string, index: number) => (index % 2 === 0 ? text.toUpperCase() : text.toLowerCase());

races(
  'createUser succeeds for one caller of 16 with the same e-mail, in whatever case it is written',
  () => `${unique('race')}@example.com`,
  (adapter, email, index) => adapter.createUser({ email: inSomeCase(email, index) }),
  async (outcome, email) => {
    expectOneWinner(outcome, 'conflict');
    expect(await count('users WHERE lower(email) = $1', email)).toBe(1);
  },
);

races(
  'createSession succeeds for one caller of 16 with the same id',
  () => unique('session'),
  (adapter, id) => adapter.createSession(sessionInput(world.userId, { id })),
  async (outcome, id) => {
    expectOneWinner(outcome, 'conflict');
    expect(await count('sessions WHERE id = $1', id)).toBe(1);
  },
);

races(
  'createApiKey succeeds for one caller of 16 with the same hash',
  () => unique('hash'),
  (adapter, hash) => adapter.createApiKey(apiKeyInput(world.userId, { hash })),
  async (outcome, hash) => {
    expectOneWinner(outcome, 'conflict');
    expect(await count('api_keys WHERE hash = $1', hash)).toBe(1);
  },
);

races(
  'linkOAuthAccount succeeds for one user of 16 with the same account',
  async () => ({
    link: oauthLink('a,b'),
    users: await Promise.all(Array.from({ length: CALLERS }, () => db.storage.createUser({}))),
  }),
  (adapter, { link, users }, index) => adapter.linkOAuthAccount(users[index]?.id as string, 'a,b', link),
  async (outcome, { link }) => {
    expectOneWinner(outcome, 'conflict');
    const owners = await db.query(`SELECT id FROM users WHERE oauth -> 'a,b' ->> 'sub' = $1`, [link.sub]);
    expect(owners).toEqual([{ id: outcome.fulfilled[0]?.id }]);
    await expect(db.storage.getUserByOAuth('a,b', link.sub)).resolves.toStrictEqual(outcome.fulfilled[0]);
  },
);

races(
  'linkOAuthAccount links an account to one user once when 16 callers ask for it',
  async () => ({ link: oauthLink('github'), user: await db.storage.createUser({}) }),
  (adapter, { link, user }) => adapter.linkOAuthAccount(user.id, 'github', link),
  async ({ rejected }, { link, user }) => {
    expect(rejected).toEqual([]);
    expect(await count('user_oauth_accounts WHERE sub = $1 AND user_id = $2', link.sub, user.id)).toBe(1);
  },
);

races(
  'linkOAuthAccount never ends in a deadlock when users swap their accounts',
  async () => {
    const users = await Promise.all([db.storage.createUser({}), db.storage.createUser({})]);
    const subs = [unique('sub'), unique('sub')];
    await Promise.all(
      users.map(({ id }, at) => db.storage.linkOAuthAccount(id, 'x', oauthLink('x', { sub: subs[at] }))),
    );
    return { users, subs };
  },
  (adapter, { users, subs }, index) =>
    adapter.linkOAuthAccount(users[index % 2]?.id as string, 'x', oauthLink('x', { sub: subs[(index >> 1) % 2] })),
  async ({ rejected }, { users }) => {
    for (const error of rejected) expect(error.code).toBe('auth_postgres/conflict');
    const stored = await db.query(
      `SELECT u.oauth -> 'x' ->> 'sub' = a.sub AS agrees
         FROM users u LEFT JOIN user_oauth_accounts a ON a.user_id = u.id WHERE u.id = ANY($1)`,
      [users.map(({ id }) => id)],
    );
    expect(stored).toEqual([{ agrees: true }, { agrees: true }]);
  },
);

races(
  'markEmailVerificationTokenAsUsed succeeds for one caller of 16',
  () => db.storage.createEmailVerificationToken(emailTokenInput()),
  (adapter, { id }) => adapter.markEmailVerificationTokenAsUsed(id),
  async (outcome, { id }) => {
    expectOneWinner(outcome, 'already_used');
    const [row] = await db.query('SELECT used_at FROM email_verification_tokens WHERE id = $1', [id]);
    expect(row.used_at).toEqual(outcome.fulfilled[0]?.usedAt);
  },
);

races(
  'incrementEmailVerificationTokenAttempts counts each of 16 attempts made at once',
  () => db.storage.createEmailVerificationToken(emailTokenInput()),
  (adapter, { id }) => adapter.incrementEmailVerificationTokenAttempts(id),
  async ({ fulfilled }, { id }) => {
    expect(fulfilled.sort((a, b) => a - b)).toEqual(Array.from({ length: CALLERS }, (_, at) => at + 1));
    await expect(db.storage.getEmailVerificationTokenAttempts(id)).resolves.toBe(CALLERS);
  },
);

races(
  'assignRoleToUser assigns a role once when 16 callers ask for it',
  () => db.storage.createRole(roleInput(world.orgId)),
  (adapter, role) => adapter.assignRoleToUser(world.userId, role.id, world.orgId),
  async ({ fulfilled, rejected }, role) => {
    expect(rejected).toEqual([]);
    for (const assigned of fulfilled) expect(assigned).toStrictEqual(role);
    expect(await count('user_roles WHERE role_id = $1', role.id)).toBe(1);
  },
);

races(
  'createSSOLink succeeds for one caller of 16 with the same subject',
  () => unique('subject'),
  (adapter, providerSubject) =>
    adapter.createSSOLink(ssoLinkInput(world.userId, world.providerId, { providerSubject })),
  async (outcome, subject) => {
    expectOneWinner(outcome, 'conflict');
    expect(await count('sso_links WHERE provider_subject = $1', subject)).toBe(1);
  },
);

races(
  'markBackupCodeUsed succeeds for one caller of 16',
  async () => (await db.storage.createBackupCodes(world.userId, ['code']))[0] as { id: string },
  (adapter, { id }) => adapter.markBackupCodeUsed(id),
  async (outcome, { id }) => {
    expectOneWinner(outcome, 'already_used');
    expect(await count('twofa_backup_codes WHERE id = $1 AND used AND used_at IS NOT NULL', id)).toBe(1);
  },
);

races(
  'createBackupCodes leaves exactly one whole set when 16 callers replace a user’s codes',
  () => db.storage.createUser({}),
  (adapter, { id }, index) => adapter.createBackupCodes(id, [`${index}-a`, `${index}-b`, `${index}-c`]),
  async ({ fulfilled, rejected }, { id }) => {
    expect(rejected).toEqual([]);
    const remaining = await db.storage.getBackupCodes(id);
    expect(fulfilled).toContainEqual(remaining);
    expect(remaining).toHaveLength(3);
  },
);

races(
  'completeTwoFactorSession succeeds for one caller of 16',
  () => db.storage.createTwoFactorSession(twoFactorSessionInput(world.userId, world.deviceId)),
  (adapter, { id }) => adapter.completeTwoFactorSession(id),
  async (outcome, { id }) => {
    expectOneWinner(outcome, 'already_used');
    expect(await count('twofa_sessions WHERE id = $1 AND completed_at IS NOT NULL', id)).toBe(1);
  },
);

races(
  'incrementTwoFactorSessionAttempts succeeds exactly as often as attempts are allowed',
  () => db.storage.createTwoFactorSession(twoFactorSessionInput(world.userId, world.deviceId, { maxAttempts: 5 })),
  (adapter, { id }) => adapter.incrementTwoFactorSessionAttempts(id),
  async ({ fulfilled, rejected }, { id }) => {
    expect(fulfilled.sort()).toEqual([1, 2, 3, 4, 5]);
    expect(new Set(rejected.map(({ code }) => code))).toEqual(new Set(['auth_postgres/expired']));
    await expect(db.storage.completeTwoFactorSession(id)).rejects.toMatchObject({ code: 'auth_postgres/expired' });
  },
);

races(
  'rotateApiKey succeeds for one caller of 16',
  () => db.storage.createApiKeyWithSecret(world.userId, ['read']),
  (adapter, { record }) => adapter.rotateApiKey(record.id),
  async (outcome, { record, key }) => {
    expectOneWinner(outcome, 'expired');
    const [made] = outcome.fulfilled;
    await expect(db.storage.verifyApiKeySecret(made?.key as string)).resolves.toStrictEqual(made?.record);
    await expect(db.storage.verifyApiKeySecret(key)).resolves.toBeNull();
    expect(await count('api_keys WHERE id = $1 AND expires_at <= now()', record.id)).toBe(1);
  },
);

races(
  'rotateApiKey succeeds for each of 16 callers when the old key has time left',
  () => db.storage.createApiKeyWithSecret(world.userId, ['read']),
  (adapter, { record }) => adapter.rotateApiKey(record.id, { expiresOldKeysAt: inAnHour() }),
  async ({ fulfilled, rejected }, { key }) => {
    expect(rejected).toEqual([]);
    expect(new Set(fulfilled.map((made) => made.key)).size).toBe(CALLERS);
    await expect(db.storage.verifyApiKeySecret(key)).resolves.not.toBeNull();
  },
);

races(
  'deleteUser leaves the user a member of no organization while organizations add that user',
  async () => ({
    user: await db.storage.createUser(userInput()),
    organizations: await Promise.all(
      Array.from({ length: CALLERS }, () => db.storage.createOrganization(organizationInput())),
    ),
  }),
  async (adapter, { user, organizations }, index) => {
    if (index === CALLERS / 2) return adapter.deleteUser(user.id);
    await adapter.updateOrganization(organizations[index]?.id as string, { members: [memberInput(user.id)] });
  },
  async ({ rejected }, { user }) => {
    for (const { code } of rejected) expect(code).toBe('auth_postgres/invalid_reference');
    expect(await count('organizations WHERE members @> $1', JSON.stringify([{ userId: user.id }]))).toBe(0);
    expect(await count('organization_members WHERE user_id = $1', user.id)).toBe(0);
  },
);
