/** The partitions of the table of events. */
import type { TestDatabase } from './database';

/** The month so many months after the present one, as its partition is named. */
export function monthName(after: number): string {
  const now = new Date();
  const month = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + after));
  return `auth_events_${month.toISOString().slice(0, 7).replace('-', '_')}`;
}

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
