/** Old events are dropped by months, at connect() and in passes of the core. */
import { Client } from 'pg';
import { useDatabase } from './helpers/database';
import { expectInvalidInput } from './helpers/errors';
import {
  addOldMonths,
  daysSince,
  interruptDetach,
  monthName,
  monthNameOf,
  monthStart,
  partitions,
  range,
} from './helpers/event-months';
import { eventInput, unique } from './helpers/fixtures';

const native = require('../native.js');

/** The pass by itself. A debug build has a method for it. */
async function retain(url: string, days: number, toTheDay: boolean) {
  const adapter = new native.PostgresStorageAdapter(url, '{}', '{}');
  let settle: (outcome: { code?: string; months: number; rows: number }) => void = () => undefined;
  const outcome = new Promise<{ code?: string; months: number; rows: number }>((resolve) => {
    settle = resolve;
  });
  const timer = setInterval(() => undefined, 1_000);
  adapter.listen((chunks: string[]) => {
    for (const chunk of chunks) settle(JSON.parse(chunk)[1]);
  });
  adapter.retainEvents(days, toTheDay);
  const result = await outcome;
  clearInterval(timer);
  adapter.disconnect(undefined);
  return result;
}

const DAY = 86_400_000;

/** A database whose first month is so many months ago. */
function useMonths(months: number) {
  const db = useDatabase();
  beforeAll(async () => {
    await addOldMonths(db, months);
    await db.query(`
      INSERT INTO auth_events (type, principal_id, timestamp)
      SELECT 'old', 'p' || n % 10, '${monthStart(-months - 1).toISOString()}'::timestamptz + n * interval '1 hour' FROM generate_series(0, ${months + 2} * 744) n`);
  });
  return db;
}

const oldest = async (db: ReturnType<typeof useDatabase>) =>
  (await db.query('SELECT min(timestamp) AS time, count(*)::int AS n FROM auth_events'))[0];

describe('The option retainEventsForDays', () => {
  const db = useMonths(6);

  it('lets connect() drop the months in which every event is too old, and what is before them', async () => {
    const days = daysSince(monthStart(-3));
    expect(await partitions(db)).toEqual(['auth_events_past', ...range(-6, 6), 'auth_events_future']);
    const before = await db.query('SELECT id FROM auth_events WHERE timestamp >= $1 ORDER BY id', [monthStart(-3)]);
    await db.adapter({ retainEventsForDays: days }).connect();
    expect(await partitions(db)).toEqual(['auth_events_past', ...range(-3, 6), 'auth_events_future']);
    expect(await db.query('SELECT id FROM auth_events ORDER BY id')).toEqual(before);
  });

  it('leaves no gap: an event of a time that was dropped is stored all the same', async () => {
    const principalId = unique();
    await db.storage.emitEvent(eventInput({ principalId, timestamp: monthStart(-5) }));
    await db.storage.emitEvent(eventInput({ principalId, timestamp: new Date(0) }));
    const rows = await db.query('SELECT tableoid::regclass::text AS place FROM auth_events WHERE principal_id = $1', [
      principalId,
    ]);
    expect(rows).toEqual([{ place: 'auth_events_past' }, { place: 'auth_events_past' }]);
    // The next time they go, too.
    await db.adapter({ retainEventsForDays: daysSince(monthStart(-3)) }).connect();
    expect((await oldest(db)).time).toEqual(monthStart(-3));
    expect(await partitions(db)).toEqual(['auth_events_past', ...range(-3, 6), 'auth_events_future']);
  });

  it('never drops the month of the day that is kept, which is the present one but for its first day', async () => {
    await db.adapter({ retainEventsForDays: 1 }).connect();
    const [first, second] = await partitions(db);
    expect([first, second]).toEqual(['auth_events_past', monthNameOf(new Date(Date.now() - DAY))]);
  });

  it('keeps everything if it is longer than any event is old', async () => {
    const before = await partitions(db);
    const storage = db.adapter({ retainEventsForDays: 2 ** 31 - 1 });
    await storage.connect();
    await expect(storage.sweep({ kinds: ['events'] })).resolves.toEqual({ eventMonths: 0 });
    expect(await partitions(db)).toEqual(before);
  });

  it('keeps everything if it is absent, and is at least 1', async () => {
    await db.adapter().connect();
    for (const days of [0, -1, 1.5, '30'])
      await expectInvalidInput(
        (async () => db.adapter({ retainEventsForDays: days as number }))(),
        'retainEventsForDays',
      );
  });
});

describe('A retention pass', () => {
  const db = useMonths(4);

  it('gives up while somebody reads the table for long, and drops the months the next time', async () => {
    const days = daysSince(monthStart(-2));
    const reader = new Client({ connectionString: db.url });
    await reader.connect();
    await reader.query('BEGIN; SELECT FROM auth_events LIMIT 1');
    const began = Date.now();
    let longest = 0;
    let isOver = false;
    const emitting = (async () => {
      while (!isOver) {
        const start = Date.now();
        await db.storage.emitEvent(eventInput());
        longest = Math.max(longest, Date.now() - start);
      }
    })();
    expect(await retain(db.url, days, false)).toMatchObject({ code: 'auth_postgres/lock_timeout' });
    expect(Date.now() - began).toBeGreaterThan(2_500);
    isOver = true;
    await emitting;
    // Whoever emits an event meanwhile waits for one attempt.
    expect(longest).toBeLessThan(2_500);
    await reader.end();
    expect(await retain(db.url, days, false)).toEqual({ months: 3, rows: 0 });
    expect(await partitions(db)).toEqual(['auth_events_past', ...range(-2, 6), 'auth_events_future']);
  });

  it('deletes what is left of older events row by row if it is asked for, in batches', async () => {
    const from = monthStart(-2);
    await db.query(
      `INSERT INTO auth_events (type, principal_id, timestamp) SELECT 'many', 'many', $1 FROM generate_series(1, 11000) n`,
      [from],
    );
    const days = daysSince(new Date(from.getTime() + 10 * DAY));
    const [{ n }] = await db.query(
      `SELECT count(*)::int AS n FROM auth_events WHERE timestamp < now() - make_interval(days => $1)`,
      [days],
    );
    expect(n).toBeGreaterThan(11_000);
    const { months, rows } = await retain(db.url, days, true);
    expect(months).toBe(0);
    expect(Math.abs(rows - n)).toBeLessThan(3);
    expect(Date.now() - (await oldest(db)).time.getTime()).toBeLessThanOrEqual(days * DAY);
  });

  it('of eight at once, one drops the months', async () => {
    const days = daysSince(monthStart(-1));
    const passes = await Promise.all(Array.from({ length: 8 }, () => retain(db.url, days, true)));
    expect(passes.filter(({ code }) => code !== undefined)).toEqual([]);
    expect(passes.map(({ months }) => months).filter((months) => months > 0)).toEqual([2]);
    expect(await partitions(db)).toEqual(['auth_events_past', ...range(-1, 6), 'auth_events_future']);
  });
});

describe('A retention pass after a DETACH CONCURRENTLY that was interrupted', () => {
  const db = useMonths(2);

  it('finishes it, from PostgreSQL 14 on', async () => {
    const [{ version }] = await db.query(`SELECT current_setting('server_version_num')::int AS version`);
    if (version >= 140_000) await interruptDetach(db, monthName(-2));
    await retain(db.url, daysSince(monthStart(-1)), false);
    expect(await partitions(db)).toEqual(['auth_events_past', ...range(-1, 6), 'auth_events_future']);
  });
});
