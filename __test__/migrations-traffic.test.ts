/** A migration or a rollback that has to wait for somebody's transaction does not keep logins waiting as long as itself. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { useDatabase } from './helpers/database';
import { expectCode } from './helpers/errors';
import { until, whileLocked } from './helpers/failing';
import { FIRST, LAST, MIGRATIONS } from './helpers/migrations';

const db = useDatabase({ migrated: false });
/** Longer than one try to lock, and the pause after it. */
const HELD_MS = 1_800;
/** A read that takes longer had to wait. */
const WAIT_MS = 250;
const steps = MIGRATIONS.slice(1).map((to, at) => [to, MIGRATIONS[at] as string] as const);

/** Reads each table again and again. */
class Readers {
  longestMs = 0;
  /** In reads that had to wait, altogether. */
  waitedMs = 0;
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
      const took = performance.now() - began;
      this.longestMs = Math.max(this.longestMs, took);
      if (took > WAIT_MS) this.waitedMs += took;
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

it.each(['migrate', 'rollback'] as const)(
  '%s, by several processes at once, lets others go on most of the time',
  async (method) => {
    const schema = `many_${method}`;
    const [to, from] = ['0005_data_only_dumps', '0004_saml_shapes'];
    const processes = Array.from({ length: 6 }, () => db.adapter({ schema, max: 2 }));
    await processes[0]?.migrate({ to: method === 'migrate' ? from : to });
    const readers = new Readers([`${schema}.organizations`]);
    await whileLocked(db, `SELECT FROM ${schema}.organizations`, [], async (release) => {
      const began = performance.now();
      const changes = Promise.all(
        processes.map((each) => (method === 'migrate' ? each.migrate({ to }) : each.rollback({ to: from }))),
      );
      await Promise.race([changes, sleep(6_000)]);
      const elapsed = performance.now() - began;
      expect(readers.waitedMs).toBeGreaterThan(WAIT_MS);
      expect(readers.waitedMs / elapsed).toBeLessThan(0.6);
      await release();
      await changes;
    });
    await readers.stop();
  },
);

it('a preparation that cannot have its lock ends as any migration that cannot, and goes on when it can', async () => {
  const schema = 'prepared';
  const storage = db.adapter({ schema, connectionTimeoutMillis: 1_000 });
  const migration = '0008_lists_and_event_months';
  await storage.migrate({ to: '0007_two_factor_steps' });
  // Only a large table is prepared.
  await db.query(`INSERT INTO ${schema}.auth_events (type, principal_id, data)
    SELECT 'x', 'x', to_jsonb(repeat(md5(n::text), 40)) FROM generate_series(1, 20000) n`);
  await whileLocked(db, `SELECT FROM ${schema}.auth_events`, [], async (release) => {
    await expectCode(storage.migrate(), 'lock_timeout', { migration, sqlState: '55P03' });
    await release();
    await expect(storage.migrate()).resolves.toMatchObject({ migrations: expect.arrayContaining([migration]) });
  });
});

it('a rollback of everything', async () => {
  const storage = db.adapter({ schema: 'whole' });
  await storage.migrate();
  const longest = longestRead('whole', () => storage.rollback({ to: FIRST, dropData: true }));
  expect(await longest).toBeLessThan(HELD_MS * (2 / 3));
  await expect(storage.migrate()).resolves.toMatchObject({ migrations: MIGRATIONS.slice(1) });
  expect(MIGRATIONS.at(-1)).toBe(LAST);
});
