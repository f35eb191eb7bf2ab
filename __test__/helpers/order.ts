/** What tests of lists need: which records, and in which order. */
import type { TestDatabase } from './database';

export const ids = (records: { id: string }[]) => records.map(({ id }) => id);

/** Gives rows one time of creation, and their ids in the order that lists must have then. */
export async function tie(db: TestDatabase, table: string, records: { id: string }[], column = 'created_at') {
  await db.query(`UPDATE ${table} SET ${column} = '2020-01-01T00:00:00Z' WHERE id = ANY($1)`, [ids(records)]);
  return ids(records).sort().reverse();
}
