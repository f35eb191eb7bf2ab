/** A take-over that is cut off, that fails on the server, or that two processes begin, happens once or not at all. */
import { InternalError } from '@kitiumai/auth-postgres';
import { Client } from 'pg';
import { CATALOGUE } from './helpers/catalogue';
import { type TestDatabase, useDatabase } from './helpers/database';
import { dump, makeLegacy } from './helpers/legacy-rows';
import { runScript } from './helpers/process';
import { Relay } from './helpers/relay';
import { sqlOf } from './helpers/wire';

describe('a take-over whose connection is cut', () => {
  const db = useDatabase({ migrated: false });

  /** Cuts the connection before the n-th statement. Returns whether that was before the take-over’s COMMIT was sent. */
  async function cutAt(relay: Relay, n: number): Promise<boolean> {
    let seen = 0;
    let committed = false;
    let cut = false;
    relay.onMessage((message) => {
      const sql = message.from === 'client' ? sqlOf(message) : undefined;
      if (sql === undefined) return 'pass';
      seen += 1;
      if (seen === n) cut = true;
      else if (sql === 'COMMIT') committed = true;
      return cut ? 'cut' : 'pass';
    });
    const storage = db.adapter({ max: 1 }, relay.url);
    const outcome = await storage.connect().then(
      () => undefined,
      (error: unknown) => error,
    );
    await storage.disconnect();
    if (!committed) expect(outcome).toBeInstanceOf(InternalError);
    return !committed;
  }

  it('leaves the database as it was, at whichever statement that happens', async () => {
    await makeLegacy(db, '3.1.x');
    const before = await state(db);
    const relay = await Relay.start(db.url);
    let n = 1;
    try {
      for (; await cutAt(relay, n); n += n < 20 ? 1 : 17) {
        await noTransaction(db);
        expect({ n, state: await state(db) }).toEqual({ n, state: before });
      }
    } finally {
      await relay.close();
    }
    expect(n).toBeGreaterThan(300);
    await db.storage.connect();
    await expect(db.storage.getUser('user-1')).resolves.toMatchObject({ name: 'Ada' });
  }, 120_000);
});

const state = async (db: TestDatabase) => [await db.query(CATALOGUE), await dump(db)];

/** The server may notice a cut connection later than we do. */
async function noTransaction(db: TestDatabase): Promise<void> {
  for (;;) {
    const [{ open }] = (await db.query(
      `SELECT count(*)::int AS open FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'auth-postgres' AND xact_start IS NOT NULL`,
    )) as [{ open: number }];
    if (open === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe('a take-over that fails on the server', () => {
  const TRAP = `
    CREATE SCHEMA trap;
    CREATE SEQUENCE trap.commands;
    CREATE TABLE trap.fails_at (n bigint);
    CREATE TABLE trap.passes (tag text)`;

  /** Repeats the take-over while a DDL command fails where the condition says. Returns the tags of the failed commands. */
  async function failUntilDone(
    db: TestDatabase,
    condition: string,
    prepare: (attempt: number, failed: string | undefined) => Promise<void>,
  ): Promise<string[]> {
    await makeLegacy(db, '3.0.x');
    await db.query(TRAP);
    await db.query(`
      CREATE FUNCTION trap.spring() RETURNS event_trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF ${condition} THEN RAISE EXCEPTION 'trapped at %', tg_tag; END IF;
      END $$;
      CREATE EVENT TRIGGER trap ON ddl_command_start EXECUTE FUNCTION trap.spring()`);
    const before = await state(db);
    const failed: string[] = [];
    for (let attempt = 1; ; attempt += 1) {
      await db.query('ALTER EVENT TRIGGER trap DISABLE');
      await prepare(attempt, failed.at(-1));
      await db.query('ALTER EVENT TRIGGER trap ENABLE');
      const storage = db.adapter();
      const outcome = await storage.connect().then(
        () => undefined,
        (error: Error) => error,
      );
      await storage.disconnect();
      if (!outcome) return failed;
      failed.push(/trapped at ([A-Z ]+)/.exec(outcome.message)?.[1] ?? outcome.message);
      expect({ failed, state: await state(db) }).toEqual({ failed, state: before });
    }
  }

  describe('at any kind of DDL command', () => {
    const db = useDatabase({ migrated: false });

    it('leaves the database as it was', async () => {
      const condition = 'NOT EXISTS (SELECT 1 FROM trap.passes WHERE tag = tg_tag)';
      const kinds = await failUntilDone(db, condition, async (_, failed) => {
        if (failed) await db.query('INSERT INTO trap.passes VALUES ($1)', [failed]);
      });
      expect(kinds).toEqual(expect.arrayContaining(['ALTER TABLE', 'CREATE TABLE', 'CREATE INDEX']));
      expect(new Set(kinds).size).toBe(kinds.length);
    }, 120_000);
  });

  describe('at any position among its DDL commands', () => {
    const db = useDatabase({ migrated: false });

    it('leaves the database as it was', async () => {
      // The counter is a sequence: it survives the transaction that fails.
      const condition = `nextval('trap.commands') = (SELECT n FROM trap.fails_at)`;
      const failed = await failUntilDone(db, condition, async (attempt) => {
        await db.query('DELETE FROM trap.fails_at');
        await db.query('INSERT INTO trap.fails_at VALUES ($1)', [attempt <= 5 ? attempt : 5 + (attempt - 5) * 31]);
        await db.query(`SELECT setval('trap.commands', 1, false)`);
      });
      expect(failed.length).toBeGreaterThan(10);
    }, 120_000);
  });
});

describe('a take-over that another process is running', () => {
  const db = useDatabase({ migrated: false });

  it.each(['3.0.x', '3.1.x'] as const)('is waited for and done once (%s)', async (version) => {
    await db.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
    await makeLegacy(db, version);
    const script = `
      import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
      let done = 0;
      const logger = { debug() {}, warn() {}, error() {}, info(message) { if (message === 'taken over') done += 1; } };
      const storage = new PostgresStorageAdapter(process.env.URL, { logger });
      await storage.connect();
      const user = await storage.getUser('user-1');
      await storage.disconnect();
      console.log(user.name, done);`;
    const results = await Promise.all(Array.from({ length: 4 }, () => runScript(script, { env: { URL: db.url } })));
    expect(results.map(({ stderr }) => stderr)).toEqual(['', '', '', '']);
    expect(results.map(({ stdout }) => stdout.trim()).sort()).toEqual(['Ada 0', 'Ada 0', 'Ada 0', 'Ada 1']);
  });

  it('is not ended by the option statementTimeoutMs', async () => {
    await db.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
    await makeLegacy(db, '3.1.x');
    const release = await lockTable(db.url, 'users');
    const connecting = db.adapter({ statementTimeoutMs: 100 }).connect();
    await new Promise((resolve) => setTimeout(resolve, 400));
    await release();
    await expect(connecting).resolves.toBeUndefined();
  });
});

/** Holds a lock that the take-over has to wait for; returns what ends it. */
async function lockTable(url: string, table: string): Promise<() => Promise<void>> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(`BEGIN; LOCK TABLE ${table} IN ACCESS SHARE MODE`);
  return () => client.end();
}
