/** The plans of countEvents and countRecords, with full tables and when they were made on empty ones. */
import type { CountEventsOptions } from '@kitiumai/auth-postgres';
import { crowd } from './helpers/crowd';
import { useDatabase } from './helpers/database';
import { monthName, monthStart } from './helpers/event-months';
import { Explained, type Plan } from './helpers/plans';

const db = useDatabase();
const ROWS = Number(process.env.PLANS_ROWS ?? 100_000);
const DAY = 86_400_000;
/** One event every 70 seconds. */
const EVENTS_A_DAY = Math.ceil(86_400 / 70);

const ago = (days: number) => new Date(Date.now() - days * DAY);
const month = { from: ago(30), step: 'day' } as const;

/** Options, and how many events the call has to look at. */
const CALLS: [options: CountEventsOptions, events: number][] = [
  [{}, EVENTS_A_DAY],
  [{ to: ago(20) }, EVENTS_A_DAY],
  [{ ...month, to: ago(23) }, 7 * EVENTS_A_DAY],
  [{ ...month, types: ['rare', 'none'] }, 3],
  [{ ...month, types: ['t6', 't7'] }, (30 * EVENTS_A_DAY) / 5],
  [{ ...month, orgId: 'o78' }, 60],
  [{ ...month, principalId: 'u77' }, 60],
  [{ ...month, orgId: 'o78', principalId: 'u78' }, 60],
  [{ ...month, orgId: 'o78', types: ['t6'] }, 60],
  [{ ...month, principalId: 'u77', types: ['t7'] }, 60],
  [{ ...month, principalId: 'u78', orgId: 'o78', types: ['t8'] }, 60],
];

const looked = (plans: Plan[]) =>
  plans
    .filter(({ sql }) => sql.includes('auth_events'))
    .map(({ sequentialScans, rows }) => ({ sequentialScans, rows }));

describe.each(['force_generic_plan', 'force_custom_plan'])('with plan_cache_mode = %s', (plan_cache_mode) => {
  beforeAll(async () => {
    if ((await db.query('SELECT FROM users LIMIT 1')).length === 0) await crowd(db, ROWS);
  }, 30 * 60_000);

  it.each(CALLS)('countEvents(%j) reads the events that it counts, by an index', async (options, events) => {
    const explained = await Explained.start(db, { plan_cache_mode });
    const plans = looked(await explained.plansOf(() => explained.storage.countEvents(options)));
    await explained.stop();
    expect(plans).toHaveLength(1);
    // Entries are counted where the index is read and, with a bitmap, where the rows are read.
    expect({ plans, isTooMuch: (plans[0] as Plan).rows > 2.2 * events + 20 }).toEqual({
      plans: [{ sequentialScans: [], rows: expect.any(Number) }],
      isTooMuch: false,
    });
  });

  it('countEvents opens only the months that it is asked for', async () => {
    const explained = await Explained.start(db, { plan_cache_mode }, { max: 1 });
    const { storage } = explained;
    const next = { from: monthStart(1), to: monthStart(2) };
    const tablesOf = async (options?: object) =>
      (await explained.plansOf(() => storage.countEvents(options)))
        .flatMap(({ tables }) => tables)
        .filter((table) => table.startsWith('auth_'));
    const answers = [await tablesOf(next), await tablesOf({ ...next, types: ['t6'] }), await tablesOf({ to: ago(40) })];
    await explained.stop();
    expect(answers.map((tables) => [...new Set(tables)])).toEqual([
      [monthName(1)],
      [monthName(1)],
      ['auth_events_past'],
    ]);
  });

  it('countRecords reads each table once, and few events', async () => {
    const explained = await Explained.start(db, { plan_cache_mode });
    const plans = looked(await explained.plansOf(() => explained.storage.countRecords()));
    await explained.stop();
    expect(plans).toHaveLength(1);
    expect((plans[0] as Plan).sequentialScans.filter((table) => !/^(sessions|pg_)/.test(table))).toEqual([]);
    expect((plans[0] as Plan).rows).toBeLessThan(4 * ROWS + 12_000);
  });
});

describe('with plans that were made on empty tables', () => {
  const grown = useDatabase();
  const EVENTS = 20_000;

  it.each(CALLS.map(([{ types, orgId, principalId }]) => ({ types, orgId, principalId })))(
    'countEvents(%j) reads the events that it counts',
    async (filters) => {
      const [first, last] = [monthStart(1), monthStart(2)];
      await grown.query(`TRUNCATE auth_events`);
      await grown.query(`ALTER TABLE ${monthName(1)} SET (autovacuum_enabled = off)`);
      await grown.query('ANALYZE auth_events');
      const explained = await Explained.start(grown, {}, { max: 1 });
      const day = { ...filters, from: first, to: new Date(first.getTime() + DAY) };
      await explained.storage.countEvents(day);
      await grown.query(
        `INSERT INTO auth_events (type, principal_id, org_id, timestamp)
         SELECT 't' || n % 10, 'u' || n % 100, 'o' || n % 100, $1::timestamptz + n * ($2::timestamptz - $1) / ${EVENTS + 1}
           FROM generate_series(1, ${EVENTS}) n`,
        [first, last],
      );
      const plans = looked(await explained.plansOf(() => explained.storage.countEvents(day)));
      await explained.stop();
      // A thirtieth of all.
      expect({ plans, isTooMuch: (plans[0] as Plan).rows > 1_500 }).toEqual({
        plans: [{ sequentialScans: [], rows: expect.any(Number) }],
        isTooMuch: false,
      });
    },
  );
});
