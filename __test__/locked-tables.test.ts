/** Somebody holds a table of ours as VACUUM FULL does: processes start, and are called healthy, as if nobody did. */
import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { useDatabase } from './helpers/database';
import { expectCode } from './helpers/errors';
import { whileLocked } from './helpers/failing';

const db = useDatabase();
const LIMITS = { statementTimeoutMs: 1_000, maxRetries: 0 };
/** What only looks at the catalogue. */
const CALLS: Record<string, (storage: PostgresStorageAdapter) => Promise<unknown>> = {
  connect: (storage) => storage.connect(),
  migrate: (storage) => storage.migrate(),
  'migrate with dryRun': (storage) => storage.migrate({ dryRun: true }),
  migrationStatus: (storage) => storage.migrationStatus(),
  baseline: (storage) => storage.baseline(),
  grants: (storage) => storage.grants('postgres'),
};

async function ourTables(): Promise<string[]> {
  const rows = await db.query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')`,
  );
  return rows.map(({ name }) => name);
}

const whileHeld = (table: string, work: () => Promise<void>) =>
  whileLocked(db, `LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`, [], work);

/** They are read: what has been migrated, and when the last sweep ran. */
const READ_BY_CHECKS = ['auth_migrations', 'auth_sweeps'];

it('no check waits for a table of records', async () => {
  const tables = (await ourTables()).filter((name) => !READ_BY_CHECKS.includes(name));
  expect(tables).toEqual(expect.arrayContaining(['users', 'auth_events', 'auth_events_past']));
  for (const table of tables) {
    await whileHeld(table, async () => {
      for (const [name, call] of Object.entries(CALLS)) {
        const storage = db.adapter(LIMITS);
        const failure = await call(storage).then(
          () => undefined,
          ({ code }) => code,
        );
        expect({ table, name, failure }).toEqual({ table, name, failure: undefined });
        await expect(storage.healthCheck()).resolves.toMatchObject({ status: 'ok' });
        await storage.disconnect();
      }
    });
  }
});

it('the record of migrations is waited for until statementTimeoutMs, and the error says so', async () => {
  await whileHeld('auth_migrations', async () => {
    for (const name of ['connect', 'migrate', 'migrate with dryRun', 'migrationStatus']) {
      const storage = db.adapter(LIMITS);
      const call = CALLS[name] as (storage: PostgresStorageAdapter) => Promise<unknown>;
      await expectCode(call(storage), 'statement_timeout', { sqlState: '57014' });
      await storage.disconnect();
    }
  });
});
