/** Makes statements fail on the server, and holds locks that make them wait. */
import { Client } from 'pg';
import type { TestDatabase } from './database';

/** Makes inserts and updates of users fail with a SQLSTATE: always, or a number of times. */
export async function whileFailing(
  db: TestDatabase,
  sqlState: string,
  { times = 1_000_000, using = "MESSAGE = 'boom'" }: { times?: number; using?: string },
  work: () => Promise<void>,
): Promise<void> {
  // A sequence keeps its value when the transaction is rolled back.
  await db.query('CREATE SEQUENCE failures');
  await db.query(`CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF nextval('public.failures') <= ${times} THEN RAISE EXCEPTION USING ERRCODE = '${sqlState}', ${using}; END IF;
      RETURN NEW;
    END $$`);
  await db.query('CREATE TRIGGER fail BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION fail()');
  try {
    await work();
  } finally {
    await db.query('DROP FUNCTION fail CASCADE');
    await db.query('DROP SEQUENCE failures');
  }
}

/** Holds the e-mails of `$1`, so that creating a user with one of them waits. */
export const HOLD_EMAILS = 'INSERT INTO users (id, email) SELECT md5(email), email FROM unnest($1::text[]) email';

/** Runs a statement in a transaction that keeps its locks until `release()` is called or the work has ended. */
export async function whileLocked(
  db: TestDatabase,
  sql: string,
  parameters: unknown[],
  work: (release: () => Promise<unknown>) => Promise<void>,
): Promise<void> {
  const client = new Client({ connectionString: db.url });
  await client.connect();
  try {
    await client.query('BEGIN');
    await client.query(sql, parameters);
    await work(() => client.query('ROLLBACK'));
  } finally {
    await client.end();
  }
}

/** Resolves once the condition holds. If it never does, the time limit of the test ends the wait. */
export async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** How long a promise takes, in ms. */
export async function timeOf(promise: Promise<unknown>): Promise<number> {
  const started = performance.now();
  await promise;
  return performance.now() - started;
}

/** The process ids of an adapter's backends, found by its `application_name`. With `waiting` only those that wait for a lock. */
export async function backendsOf(db: TestDatabase, name: string, { waiting = false } = {}): Promise<number[]> {
  const rows = await db.query<{ pid: number }>(
    `SELECT pid FROM pg_stat_activity
      WHERE application_name = $1 AND datname = current_database() AND (NOT $2 OR wait_event_type = 'Lock')`,
    [name, waiting],
  );
  return rows.map(({ pid }) => pid);
}
