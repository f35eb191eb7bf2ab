/**
 * Query plans with full tables, as the server used them: a call with a key reads no table from end to end.
 * PLANS_ROWS is the number of rows; `npm run test:plans` takes a million.
 */
import { crowd } from './helpers/crowd';
import { useDatabase } from './helpers/database';
import { argumentsOf, call, makeScene } from './helpers/every-method';
import { inAnHour, sessionInput, userInput } from './helpers/fixtures';
import { Explained, type Plan } from './helpers/plans';

const ROWS = Number(process.env.PLANS_ROWS ?? 100_000);
const MANY = 256;
/** More than the pages of some index descents, the catalogue and a few rows, but fewer than any full table has. */
const FEW_PAGES = 250;

const db = useDatabase();

beforeAll(() => crowd(db, ROWS), 30 * 60_000);

/** The sweeps have no key. */
const SWEEPS = ['deleteExpiredSessions', 'deleteExpiredEmailVerificationTokens'];

/** For each method whose calls share a statement, the arguments that find the n-th row. */
const TOGETHER: Record<string, (n: number) => unknown[]> = {
  getUser: (n) => [`u${n}`],
  getUserByEmail: (n) => [`U${n}@example.com`],
  getPasswordHash: (n) => [`u${n}`],
  getSession: (n) => [`x${n}`],
  updateSession: (n) => [`x${n}`, { expiresAt: inAnHour() }],
  createSession: (n) => [sessionInput(`u${n}`, { orgId: `o${n}` })],
  createUser: () => [userInput()],
  getApiKey: (n) => [`x${n}`],
  getApiKeyByHash: (n) => [`h${n}`],
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

const scanning = (plans: Plan[]) => plans.filter(({ sequentialScans }) => sequentialScans.length > 0);

describe.each(['force_generic_plan', 'force_custom_plan'])('with plan_cache_mode = %s', (plan_cache_mode) => {
  it('every method that is given a key uses an index, and reads few pages', async () => {
    const explained = await Explained.start(db, { plan_cache_mode });
    const { storage } = explained;
    const calls = argumentsOf(await makeScene(storage));
    for (const [method, args] of Object.entries(calls).filter(([name]) => !SWEEPS.includes(name))) {
      const plans = await explained.plansOf(() => call(storage, method, args));
      expect({ method, plans: plans.length > 0 }).toEqual({ method, plans: true });
      expect({ method, scanning: scanning(plans) }).toEqual({ method, scanning: [] });
      const heaviest = Math.max(...plans.map(({ pages }) => pages));
      // A deleted organization or user takes along what hangs on it.
      if (!/^delete(User|Organization)$/.test(method))
        expect({ method, heaviest: heaviest > FEW_PAGES && plans }).toEqual({ method, heaviest: false });
    }
    await explained.stop();
  }, 60_000);

  it.each(Object.entries(TOGETHER))(`${MANY} calls of %s at once use an index`, async (method, argumentsFor) => {
    const explained = await Explained.start(db, { plan_cache_mode });
    const { storage } = explained;
    const step = Math.floor(ROWS / MANY);
    const plans = await explained.plansOf(() =>
      Promise.all(Array.from({ length: MANY }, (_, at) => call(storage, method, argumentsFor(1 + at * step)))),
    );
    // Shared, or this would not be the statement for many.
    expect(plans.some(({ sql }) => /ANY\(|unnest\(/.test(sql))).toBe(true);
    expect(scanning(plans)).toEqual([]);
    await explained.stop();
  });
});
