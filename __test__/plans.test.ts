/**
 * Query plans with full tables, as the server used them: a call with a key reads no table from end to end.
 * PLANS_ROWS is the number of rows; `npm run test:plans` takes a million.
 */
import { crowd, insertUnchecked } from './helpers/crowd';
import { useDatabase } from './helpers/database';
import { argumentsOf, call, makeScene } from './helpers/every-method';
import { eventInput, inAnHour, inMs, sessionInput, userInput } from './helpers/fixtures';
import { Explained, type Plan } from './helpers/plans';

const ROWS = Number(process.env.PLANS_ROWS ?? 100_000);
const MANY = 256;
/** More than the pages of some index descents, the catalogue and a few rows, but fewer than any full table has. */
const FEW_PAGES = 250;

/** Rows that all parts of a plan look at for one of many calls. One part that read its input again for each call would need MANY. */
const WORK_OF_A_CALL = 20;

const db = useDatabase();

beforeAll(async () => {
  await crowd(db, ROWS);
  // A few among all, at the end of every list.
  await db.query(`UPDATE users SET plan = 'rare', created_at = '2001-01-01' WHERE id = ANY($1)`, [
    [1, 2, 1234].map((n) => `u${n}`),
  ]);
}, 30 * 60_000);

/** Sweeps and counts of everything have no key. */
const WITHOUT_KEY = ['deleteExpiredSessions', 'deleteExpiredEmailVerificationTokens', 'sweep', 'countRecords'];

/** For each method whose calls share a statement (its name is that up to a comma), the arguments that find the n-th row. */
const TOGETHER: Record<string, (n: number) => unknown[]> = {
  getUser: (n) => [`u${n}`],
  getUserByEmail: (n) => [`U${n}@example.com`],
  getPasswordHash: (n) => [`u${n}`],
  getSession: (n) => [`x${n}`],
  getSessionContext: (n) => [`x${n}`, { orgId: `o${n}` }],
  'getSessionContext, which extends': (n) => [`x${n}`, { orgId: `o${n}`, extendTo: inMs(10 * 86_400_000) }],
  updateSession: (n) => [`x${n}`, { expiresAt: inAnHour(), metadata: { n: `${n}` } }, { mergeMetadata: n % 2 === 0 }],
  emitEvent: (n) => [eventInput({ principalId: `u${n}`, timestamp: first })],
  createSession: (n) => [sessionInput(`u${n}`, { orgId: `o${n}` })],
  createUser: () => [userInput()],
  getApiKey: (n) => [`x${n}`],
  getApiKeyByHash: (n) => [`h${n}`],
  getApiKeyContext: (n) => [`key ${n}`],
  getOrganization: (n) => [`o${n}`],
  getEmailVerificationTokenById: (n) => [`x${n}`],
  getRole: (n) => [`r${n}`],
  getUserRoles: (n) => [`u${n}`, `o${n}`],
  getSSOProvider: (n) => [`p${n}`],
  getSSOLink: (n) => [`x${n}`],
  getSSOSession: (n) => [`x${n}`],
  getTenantSAMLConfig: (n) => [`t${n}`],
  getTwoFactorDevice: (n) => [`d${n}`],
  getTwoFactorSession: (n) => [`x${n}`],
};

const first = new Date(0);
/** Pages of lists, by their filters, in the middle of a list as well as at its beginning. */
const PAGES: [method: string, ...args: unknown[]][] = [
  ['listUsers', {}],
  ['listUsers', { createdFrom: first }],
  ['listUsers', { createdTo: inAnHour() }],
  ['listUsers', { plan: 'free' }],
  ['listUsers', { plan: 'rare' }],
  ['listUsers', { plan: 'rare', createdFrom: first, createdTo: inAnHour() }],
  ['listUsers', { plan: 'none' }],
  ['listUsers', { emailPrefix: 'u123' }],
  ['listUsers', { emailPrefix: 'U123', plan: 'free', createdFrom: first, createdTo: inAnHour() }],
  ['listUsers', { emailPrefix: 'u123', plan: 'rare' }],
  ['listUsers', { emailPrefix: 'nobody' }],
  ['listUserSessions', 'u1', {}],
  ['listUserSessions', 'u1', { includeExpired: true }],
  ['listOrganizations', {}],
  ['listUserOrganizations', 'u1', {}],
  ['listEvents', {}],
  ['listEvents', { from: first, to: inAnHour() }],
  ['listEvents', { to: new Date(Date.now() - 40 * 86_400_000) }],
  ['listEvents', { principalId: 'u77' }],
  ['listEvents', { principalId: 'u77', type: 't' }],
  ['listEvents', { orgId: 'o77' }],
  ['listEvents', { orgId: 'o77', principalId: 'u77', type: 'rare', from: first, to: inAnHour() }],
  ['listEvents', { type: 't' }],
  ['listEvents', { type: 'rare' }],
  ['listEvents', { type: 'none' }],
  ['listEvents', { type: 'rare', from: first, to: inAnHour() }],
  ['listEvents', { orgId: 'o77', type: 'rare' }],
];

const scanning = (plans: Plan[]) => plans.filter(({ sequentialScans }) => sequentialScans.length > 0);

describe.each(['force_generic_plan', 'force_custom_plan'])('with plan_cache_mode = %s', (plan_cache_mode) => {
  it('every method that is given a key uses an index, and reads few pages', async () => {
    const explained = await Explained.start(db, { plan_cache_mode });
    const { storage } = explained;
    const calls = argumentsOf(await makeScene(storage));
    for (const [method, args] of Object.entries(calls).filter(([name]) => !WITHOUT_KEY.includes(name))) {
      const plans = await explained.plansOf(() => call(storage, method, args));
      expect({ method, plans: plans.length > 0 }).toEqual({ method, plans: true });
      expect({ method, scanning: scanning(plans) }).toEqual({ method, scanning: [] });
      const heaviest = Math.max(...plans.map(({ pages }) => pages));
      // A deleted organization or user takes along what hangs on it.
      if (!/^(deleteUser|deleteOrganization|eraseUser|exportUser)$/.test(method))
        expect({ method, heaviest: heaviest > FEW_PAGES && plans }).toEqual({ method, heaviest: false });
    }
    await explained.stop();
  }, 60_000);

  it.each(PAGES)('a page of %s(%j, %j) reads few pages of an index, also behind another one', async (...list) => {
    const [method, ...given] = list.filter((argument) => argument !== undefined);
    const explained = await Explained.start(db, { plan_cache_mode });
    const options = given.pop() as object;
    let after: string | undefined;
    const plans: Plan[] = [];
    for (let page = 0; page < 3; page += 1) {
      plans.push(
        ...(await explained.plansOf(async () => {
          const args = [...given, { ...options, limit: 20, after }];
          ({ next: after } = (await call(explained.storage, method as string, args)) as { next?: string });
        })),
      );
      if (after === undefined) break;
    }
    expect(plans.length).toBeGreaterThan(0);
    expect(scanning(plans)).toEqual([]);
    const isPrefix = 'emailPrefix' in options && options.emailPrefix !== 'nobody';
    // All users with the prefix are read, and sorted.
    const most = isPrefix ? ROWS / 30 : FEW_PAGES;
    expect(plans.filter(({ pages, rows }) => pages > most || rows > most)).toEqual([]);
    await explained.stop();
  });

  it.each(Object.entries(TOGETHER))(
    `${MANY} calls of %s at once use an index, and no more work for each than a few would`,
    async (name, argumentsFor) => {
      const [method = ''] = name.split(',');
      const explained = await Explained.start(db, { plan_cache_mode }, { max: 1 });
      const { storage } = explained;
      const step = Math.floor(ROWS / MANY);
      const plans = await explained.plansOf(() =>
        Promise.all(Array.from({ length: MANY }, (_, at) => call(storage, method, argumentsFor(1 + at * step)))),
      );
      // Shared, or this would not be the statement for many.
      expect(plans.some(({ sql }) => /ANY\(|unnest\(/.test(sql))).toBe(true);
      expect(scanning(plans)).toEqual([]);
      expect(plans.filter(({ work }) => work > WORK_OF_A_CALL * MANY)).toEqual([]);
      await explained.stop();
    },
  );
});

describe('with one owner of everything, many expired rows, and statistics from before', () => {
  const skewed = useDatabase();
  /** Less than the owner has, more than all tables of a statement that takes a thousand rows of one. */
  const BOUND = 12_000;
  const OWNED = Math.max(16_000, Math.floor(ROWS / 8));
  const owned = `generate_series(1, ${OWNED}) n`;
  const TABLES = [
    `sessions (id, user_id, org_id, expires_at)
     SELECT 'many ' || n, 'u1', 'o1', now() + CASE WHEN n % 3 = 0 THEN interval '-1 day' ELSE interval '1 day' END FROM ${owned}`,
    `api_keys (id, principal_user_id, hash, prefix, last_four) SELECT 'many ' || n, 'u1', 'many ' || n, 'p', 'x' FROM ${owned}`,
    `api_keys (id, principal_org_id, hash, prefix, last_four) SELECT 'org ' || n, 'o1', 'org ' || n, 'p', 'x' FROM ${owned}`,
    `email_verification_tokens (id, email, code, code_hash, type, user_id, expires_at)
     SELECT 'many ' || n, 'x', 'c', 'c', 'login_link', 'u1', now() + CASE WHEN n % 3 = 0 THEN interval '-1 day' ELSE interval '1 day' END FROM ${owned}`,
    `roles (id, org_id, name) SELECT 'many ' || n, 'o1', 'Role' FROM ${owned}`,
    `user_roles (id, user_id, role_id, org_id) SELECT 'many ' || n, 'u1', 'many ' || n, 'o1' FROM ${owned}`,
    `sso_links (id, user_id, provider_id, provider_type, provider_subject)
     SELECT 'many ' || n, 'u1', 'p11', 'oidc', 'many ' || n FROM ${owned}`,
    `sso_sessions (id, user_id, provider_id, provider_type, provider_subject, expires_at)
     SELECT 'many ' || n, 'u1', 'p11', 'oidc', 's', now() + interval '1 day' FROM ${owned}`,
    `twofa_devices (id, user_id, method, verified) SELECT 'many ' || n, 'u1', 'totp', n % 50 = 0 FROM ${owned}`,
    `twofa_backup_codes (id, user_id, code) SELECT 'many ' || n, 'u1', 'c' FROM ${owned}`,
    `twofa_sessions (id, user_id, session_id, device_id, method, expires_at)
     SELECT 'many ' || n, 'u1', 'x', 'd1', 'totp', now() + interval '1 day' FROM ${owned}`,
  ];

  beforeAll(async () => {
    const tables = new Set(TABLES.map((table) => table.split(' ')[0]));
    for (const table of tables) await skewed.query(`ALTER TABLE ${table} SET (autovacuum_enabled = off)`);
    await crowd(skewed, ROWS / 4);
    await skewed.query(`UPDATE sso_providers SET org_id = 'o1' WHERE id = 'p11'`);
    // Nothing has expired as far as the statistics know, and the index over the expiry looks cheap.
    await skewed.query(`TRUNCATE sessions`);
    await skewed.query(
      `INSERT INTO sessions (id, user_id, expires_at)
       SELECT 'x' || n, 'u' || n, now() + interval '1 day' FROM generate_series(1, ${Math.floor(ROWS / 4)}) n`,
    );
    await skewed.query('VACUUM ANALYZE sessions');
    for (const table of TABLES) {
      await insertUnchecked(skewed, table);
    }
  }, 30 * 60_000);

  it('every method that is given a key uses an index', async () => {
    const explained = await Explained.start(skewed, {});
    const calls = argumentsOf(await makeScene(explained.storage));
    for (const [method, args] of Object.entries(calls).filter(([name]) => !WITHOUT_KEY.includes(name))) {
      const plans = await explained.plansOf(() => call(explained.storage, method, args));
      expect({ method, scanning: scanning(plans) }).toEqual({ method, scanning: [] });
      const heaviest = plans.filter(({ pages, rows }) => pages > FEW_PAGES || rows > FEW_PAGES);
      if (!/^(deleteUser|deleteOrganization|eraseUser|exportUser)$/.test(method))
        expect({ method, heaviest }).toEqual({ method, heaviest: [] });
    }
    await explained.stop();
  }, 60_000);

  // Each finds what the one before has left.
  it.each<[string, unknown[]]>([
    ['deleteExpiredEmailVerificationTokens', []],
    ['deleteExpiredSessions', []],
    ['deleteOrganization', ['o1']],
    ['deleteUserSessions', ['u1']],
    ['deleteUser', ['u1']],
  ])(
    'no statement of %s reads much more than it deletes',
    async (method, args) => {
      const explained = await Explained.start(skewed, {});
      const plans = await explained.plansOf(() => call(explained.storage, method, args));
      expect(plans.length).toBeGreaterThan(5);
      const isWalk = method === 'deleteExpiredSessions';
      // A walk looks at each row once, a few pages at a time.
      const all = plans.reduce((sum, { rows }) => sum + rows, 0);
      if (isWalk) expect(all).toBeLessThan(6 * (OWNED + ROWS / 4));
      expect(plans.filter(({ rows }) => rows > (isWalk ? 2 : 1) * BOUND)).toEqual([]);
      await explained.stop();
    },
    300_000,
  );

  it('has nothing left of that owner', async () => {
    const [row] = await skewed.query(
      `SELECT (SELECT count(*)::int FROM sessions WHERE id LIKE 'many%') AS sessions
            , (SELECT count(*)::int FROM api_keys WHERE id ~ '^(many|org) ') AS keys
            , (SELECT count(*)::int FROM twofa_devices WHERE id LIKE 'many%') AS devices`,
    );
    expect(row).toEqual({ sessions: 0, keys: 0, devices: 0 });
  });
});
