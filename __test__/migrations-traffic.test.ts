/** A migration or a rollback that has to wait for somebody's transaction does not keep logins waiting as long as itself. */
import { Client } from 'pg';
import { useDatabase } from './helpers/database';
import { until, whileLocked } from './helpers/failing';
import { FIRST, LAST, MIGRATIONS } from './helpers/migrations';

const db = useDatabase({ migrated: false });
/** Longer than one try to lock, and the pause after it. */
const HELD_MS = 1_800;
const steps = MIGRATIONS.slice(1).map((to, at) => [to, MIGRATIONS[at] as string] as const);

/** Reads each table again and again. */
class Readers {
  longestMs = 0;
  private isOn = true;
  private readonly reading: Promise<void>;

  constructor(tables: string[]) {
    this.reading = Promise.all(tables.map((table) => this.read(table))).then(() => undefined);
  }

  private async read(table: string): Promise<void> {
    const client = new Client({ connectionString: db.url });
    await client.connect();
    while (this.isOn) {
      const began = performance.now();
      await client.query(`SELECT FROM ${table} LIMIT 1`);
      this.longestMs = Math.max(this.longestMs, performance.now() - began);
    }
    await client.end();
  }

  async stop(): Promise<number> {
    this.isOn = false;
    await this.reading;
    return this.longestMs;
  }
}

/** How long a read takes at most, while `change` waits for a transaction that has read every table. */
async function longestRead(schema: string, change: () => Promise<unknown>): Promise<number> {
  const tables = ['users', 'sessions', 'api_keys', 'auth_events'].map((table) => `${schema}.${table}`);
  const selects = await db.query<{ sql: string }>(
    `SELECT format('SELECT count(*) FROM %I.%I', schemaname, tablename) AS sql FROM pg_tables WHERE schemaname = $1`,
    [schema],
  );
  const readers = new Readers(tables);
  await whileLocked(db, selects.map(({ sql }) => sql).join(' UNION ALL '), [], async (release) => {
    const began = performance.now();
    let isDone = false;
    const changing = change().finally(() => {
      isDone = true;
    });
    await until(() => isDone || performance.now() - began > HELD_MS);
    await release();
    await changing;
  });
  return readers.stop();
}

it.each(steps)('the migration %s', async (to, from) => {
  const schema = `up_${to.slice(0, 4)}`;
  const storage = db.adapter({ schema });
  await storage.migrate({ to: from });
  expect(await longestRead(schema, () => storage.migrate({ to }))).toBeLessThan(HELD_MS * (2 / 3));
});

it.each(steps)('the rollback of %s', async (from, to) => {
  const schema = `down_${from.slice(0, 4)}`;
  const storage = db.adapter({ schema });
  await storage.migrate({ to: from });
  expect(await longestRead(schema, () => storage.rollback({ to, dropData: true }))).toBeLessThan(HELD_MS * (2 / 3));
});

it('a rollback of everything', async () => {
  const storage = db.adapter({ schema: 'whole' });
  await storage.migrate();
  const longest = longestRead('whole', () => storage.rollback({ to: FIRST, dropData: true }));
  expect(await longest).toBeLessThan(HELD_MS * (2 / 3));
  await expect(storage.migrate()).resolves.toMatchObject({ migrations: MIGRATIONS.slice(1) });
  expect(MIGRATIONS.at(-1)).toBe(LAST);
});
