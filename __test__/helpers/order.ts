/** For tests of lists: the ids of records, and the order of records with the same time. */
import { setTimeout } from 'node:timers/promises';
import type { TestDatabase } from './database';

export const ids = (records: { id: string }[]) => records.map(({ id }) => id);

/** Sets the time of creation of all rows to the same, and returns their ids in the order that lists must have then. */
export async function tie(db: TestDatabase, table: string, records: { id: string }[], column = 'created_at') {
  await db.query(`UPDATE ${table} SET ${column} = '2020-01-01T00:00:00Z' WHERE id = ANY($1)`, [ids(records)]);
  // The ids of events are numbers, of which 10 is greater than 9.
  const numbers = ids(records).every((id) => /^\d+$/.test(id));
  const ordered = numbers ? ids(records).sort((one, other) => Number(one) - Number(other)) : ids(records).sort();
  return ordered.reverse();
}

/** What is created after this is newer than what was created before: without it, both may have the same millisecond. */
export const anotherMillisecond = () => setTimeout(2);
