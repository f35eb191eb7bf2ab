/**
 * Parts of the table of events that somebody has detached: whatever does the upkeep makes them anew, leaves the tables that
 * were detached alone, and then makes and drops months as ever.
 */
import { useDatabase } from './helpers/database';
import { expectCode } from './helpers/errors';
import {
  addOldMonths,
  daysSince,
  interruptDetach,
  monthName,
  monthStart,
  partitions,
  range,
} from './helpers/event-months';
import { eventInput, unique } from './helpers/fixtures';

const db = useDatabase({ migrated: false });

const PAST = 'auth_events_past';
const FUTURE = 'auth_events_future';
const ALL = [PAST, ...range(-3, 6), FUTURE];
/** A time of each part. */
const TIMES = [new Date(0), ...Array.from({ length: 10 }, (_, at) => monthStart(at - 3)), new Date('9999-01-01')];

const MISHAPS: [what: string, detached: string[]][] = [
  ['the part before the first month', [PAST]],
  ['the part after the last month', [FUTURE]],
  ['the present month', [monthName(0)]],
  ['a month that is to be dropped', [monthName(-2)]],
  ['the month after those that are to be dropped', [monthName(-1)]],
  ['months between others', range(-1, 2)],
  ['the first month and what is before it', [PAST, monthName(-3)]],
  ['months and what is after them', [...range(2, 6), FUTURE]],
  ['every part', ALL],
];

/** Events older than this are to be dropped. */
const days = () => daysSince(monthStart(-1));
const UPKEEP = {
  'connect()': () => db.adapter().connect(),
  'connect() with retention': () => db.adapter({ retainEventsForDays: days() }).connect(),
  'a pass of the retention': () => db.adapter({ retainEventsForDays: days() }).sweep({ kinds: ['events'] }),
};

const rowsOf = async (tables: string[]) =>
  Promise.all(tables.map(async (table) => (await db.query(`SELECT id, type FROM ONLY ${table} ORDER BY id`)) ?? []));

const emitAt = (times: Date[]) =>
  Promise.allSettled(times.map((timestamp) => db.storage.emitEvent(eventInput({ principalId: unique(), timestamp }))));

const failures = (results: PromiseSettledResult<unknown>[]) =>
  results.filter((result) => result.status === 'rejected').map(({ reason }) => String(reason));

const isInterruptible = async () =>
  (await db.query(`SELECT current_setting('server_version_num')::int >= 140000 AS yes`))[0].yes;

/** Each part with the place that it has in the catalogue. */
const identities = async () =>
  db.query(`SELECT inhrelid FROM pg_inherits WHERE inhparent = 'auth_events'::regclass ORDER BY 1`);

beforeEach(async () => {
  await db.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
  await db.adapter().connect();
  await addOldMonths(db, 3);
  expect(await partitions(db)).toEqual(ALL);
  expect(failures(await emitAt(TIMES))).toEqual([]);
});

describe.each(Object.entries(UPKEEP))('%s mends the table', (name, upkeep) => {
  const isDropping = name !== 'connect()';

  async function isMended(detached: string[]): Promise<void> {
    const before = await rowsOf(detached);
    // Whoever emits events of other times meanwhile learns nothing of it.
    const placed = TIMES.filter((_, at) => !detached.includes(ALL[at] as string));
    let isOver = false;
    const failed: string[] = [];
    const emitters = Array.from({ length: placed.length > 0 ? 64 : 0 }, async (_, at) => {
      while (!isOver) failed.push(...failures(await emitAt([placed[at % placed.length] as Date])));
    });
    await upkeep();
    isOver = true;
    await Promise.all(emitters);
    expect(failed).toEqual([]);

    expect(await rowsOf(detached)).toEqual(before);
    const names = await partitions(db);
    expect(names.filter((each) => detached.includes(each))).toEqual([]);
    if (isDropping) {
      const [{ n }] = await db.query(
        'SELECT count(*)::int AS n FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = $1::regclass AND pg_get_expr(c.relpartbound, c.oid) LIKE ANY ($2)',
        ['auth_events', [-3, -2].map((at) => `% FROM ('${monthStart(at).toISOString().slice(0, 10)}%`)],
      );
      expect(n).toBe(0);
    }
    expect(failures(await emitAt(TIMES))).toEqual([]);
    const [{ place }] = await db.query(
      `SELECT pg_get_expr(c.relpartbound, c.oid) AS place FROM auth_events e JOIN pg_class c ON c.oid = e.tableoid WHERE e.timestamp = $1 LIMIT 1`,
      [monthStart(6)],
    );
    expect(place).toContain(monthStart(7).toISOString().slice(0, 10));

    // Then there is nothing left to do.
    const mended = await identities();
    await db.adapter().connect();
    expect(await identities()).toEqual(mended);
    if (isDropping) return;
    // The retention works, too. With no part left, the months begin anew with the present one, as in a new database.
    if (detached === ALL) return;
    await db.adapter({ retainEventsForDays: days() }).connect();
    const [{ time }] = await db.query('SELECT min(timestamp) AS time FROM auth_events');
    expect(time).toEqual(monthStart(-1));
  }

  it.each(MISHAPS)('after DETACH of %s', async (_, detached) => {
    await db.query(detached.map((part) => `ALTER TABLE auth_events DETACH PARTITION ${part}`).join('; '));
    await isMended(detached);
  });

  it.each(MISHAPS.filter(([, detached]) => detached.length === 1))(
    'after an interrupted DETACH CONCURRENTLY of %s',
    async (_, detached) => {
      if (!(await isInterruptible())) return;
      await interruptDetach(db, detached[0] as string);
      await isMended(detached);
    },
  );
});

it('a second DETACH of what was made anew takes a further name', async () => {
  for (const part of [PAST, `${PAST}_2`, `${PAST}_3`]) {
    expect((await partitions(db))[0]).toBe(part);
    await db.query(`ALTER TABLE auth_events DETACH PARTITION ${part}`);
    await db.adapter().connect();
  }
  expect((await partitions(db))[0]).toBe(`${PAST}_4`);
});

it('a rollback that drops the table refuses while a table that was detached takes its ids from it, and names that', async () => {
  await db.query(`DELETE FROM auth_events; ALTER TABLE auth_events DETACH PARTITION ${PAST}`);
  await db.adapter().connect();
  const error = await expectCode(db.adapter().rollback({ to: null }), 'schema_mismatch');
  expect(error.message).toContain(`column id of table ${PAST}`);
  await db.query(`ALTER TABLE ${PAST} ALTER COLUMN id DROP DEFAULT`);
  await db.adapter().rollback({ to: null });
  expect(await db.query(`SELECT FROM ${PAST}`)).toEqual([]);
});

it('nothing is made beside a default partition, where every time has a place', async () => {
  await db.query(`
    ALTER TABLE auth_events DETACH PARTITION ${PAST};
    CREATE TABLE rest PARTITION OF auth_events DEFAULT`);
  expect(failures(await emitAt(TIMES))).toEqual([]);
  const before = await partitions(db);
  await UPKEEP['connect() with retention']();
  expect((await partitions(db)).sort()).toEqual(before.filter((each) => !range(-3, -2).includes(each)).sort());
  expect(failures(await emitAt(TIMES))).toEqual([]);
});
