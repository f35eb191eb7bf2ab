/** The partitions of the table of events. */
import { Client } from 'pg';
import type { TestDatabase } from './database';

/** The month of a time, as its partition is named. */
export const monthNameOf = (time: Date) => `auth_events_${time.toISOString().slice(0, 7).replace('-', '_')}`;

/** The month so many months after the present one. */
export const monthName = (after: number) => monthNameOf(monthStart(after));

/** The first instant of that month. */
export function monthStart(after: number): Date {
  const now = new Date();
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + after));
}

/** The names of all partitions, in the order of their times. */
export async function partitions(db: TestDatabase): Promise<string[]> {
  const rows = await db.query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
      WHERE i.inhparent = 'auth_events'::regclass
      ORDER BY pg_get_expr(c.relpartbound, c.oid) NOT LIKE '%MINVALUE%', substring(pg_get_expr(c.relpartbound, c.oid) FROM 'FROM \\(''([^'']+)')::timestamptz`,
  );
  return rows.map(({ name }) => name);
}

export const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, at) => monthName(from + at));

/** Leaves the months up to one, as if the time of the last connect() was long ago. */
export async function forgetMonthsAfter(db: TestDatabase, last: number): Promise<void> {
  await db.query(`
    ALTER TABLE auth_events DETACH PARTITION auth_events_future;
    ${range(last + 1, 6)
      .map((name) => `DROP TABLE IF EXISTS ${name};`)
      .join('\n')}
    ALTER TABLE auth_events ATTACH PARTITION auth_events_future
      FOR VALUES FROM ('${monthStart(last + 1).toISOString()}') TO (MAXVALUE)`);
}

/** Makes the first month that of so many months ago, as if the package had been in use since. */
export async function addOldMonths(db: TestDatabase, months: number): Promise<void> {
  await db.query(`
    ALTER TABLE auth_events DETACH PARTITION auth_events_past;
    ALTER TABLE auth_events ATTACH PARTITION auth_events_past FOR VALUES FROM (MINVALUE) TO ('${monthStart(-months).toISOString()}');
    ${range(-months, -1)
      .map(
        (name, at) =>
          `CREATE TABLE ${name} PARTITION OF auth_events FOR VALUES FROM ('${monthStart(at - months).toISOString()}') TO ('${monthStart(at - months + 1).toISOString()}');`,
      )
      .join('\n')}`);
}

/** Somebody's DETACH … CONCURRENTLY that ends before its second transaction. It needs PostgreSQL 14. */
export async function interruptDetach(db: TestDatabase, part: string): Promise<void> {
  const reader = new Client({ connectionString: db.url });
  await reader.connect();
  await reader.query('BEGIN; SELECT FROM auth_events LIMIT 1');
  const detaching = new Client({ connectionString: db.url, statement_timeout: 500 });
  await detaching.connect();
  await expect(detaching.query(`ALTER TABLE auth_events DETACH PARTITION ${part} CONCURRENTLY`)).rejects.toMatchObject({
    code: '57014',
  });
  await reader.end();
  await detaching.end();
  expect(await db.query('SELECT count(*)::int AS n FROM pg_inherits WHERE inhdetachpending')).toEqual([{ n: 1 }]);
}

export const daysSince = (time: Date) => Math.floor((Date.now() - time.getTime()) / 86_400_000);
