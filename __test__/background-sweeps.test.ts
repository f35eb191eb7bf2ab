/** The option `sweepIntervalMs`: sweeps in the background, in one process at a time, from connect() to disconnect(). */
import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { Collector } from './helpers/collector';
import { type AdapterOptions, useDatabase } from './helpers/database';
import { until } from './helpers/failing';
import { makeWorld } from './helpers/families';
import { runScript } from './helpers/process';

const db = useDatabase();
let userId: string;

beforeAll(async () => {
  ({ userId } = await makeWorld(db.storage));
});

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const addExpired = (count = 1) =>
  db.query(
    `INSERT INTO sessions (id, user_id, expires_at)
     SELECT md5(random()::text || n), $1, now() - interval '1 day' FROM generate_series(1, $2) n`,
    [userId, count],
  );

const left = async () => Number((await db.query('SELECT count(*)::int AS n FROM sessions'))[0].n);
const claimed = () => db.query(`SELECT claimed_by FROM auth_sweeps WHERE claimed_until IS NOT NULL`);

/** An adapter that sweeps each second, for as long as the work takes. */
async function sweeping(
  options: AdapterOptions,
  work: (storage: PostgresStorageAdapter, logger: Collector) => Promise<void>,
) {
  const logger = new Collector();
  const storage = db.adapter({ sweepIntervalMs: 1_000, logger, ...options });
  await storage.connect();
  try {
    await work(storage, logger);
  } finally {
    await storage.disconnect();
  }
}

beforeEach(async () => {
  // Not deleted: a sweep walks through the pages of a table, even of one that has become empty.
  await db.query('TRUNCATE auth_sweeps, sessions');
});

it('an adapter with sweepIntervalMs deletes expired rows again and again, and healthCheck() of every process shows when', async () => {
  await addExpired(3);
  await sweeping({ sweepIntervalMs: 4_000 }, async () => {
    await until(async () => (await left()) === 0);
    await until(async () => (await db.storage.healthCheck()).lastSweep !== undefined);
    expect(await db.storage.healthCheck()).toMatchObject({
      lastSweep: { startedAt: expect.any(Date), deleted: { sessions: 3, apiKeys: 0 }, isBackground: true },
    });
    await addExpired(2);
    await until(async () => (await left()) === 0);
  });
  expect(await claimed()).toEqual([]);
});

it('an adapter behind a transaction pooler sweeps in the background, too', async () => {
  await addExpired(2);
  await sweeping({ pooler: 'transaction' }, async () => {
    await until(async () => (await left()) === 0);
    await until(async () => (await db.storage.healthCheck()).lastSweep !== undefined);
  });
});

it('an adapter without sweepIntervalMs, and one that was not connected, sweep nothing', async () => {
  await addExpired();
  await sweeping({ sweepIntervalMs: 0 }, async () => {
    const storage = db.adapter({ sweepIntervalMs: 1_000 });
    await storage.getSession('x');
    await sleep(3_000);
  });
  expect(await left()).toBe(1);
});

it('of 6 adapters one sweeps in an interval, whichever comes first', async () => {
  await db.query(`CREATE TABLE claims (claimant text);
    CREATE FUNCTION note_claim() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN INSERT INTO public.claims VALUES (NEW.claimed_by); RETURN NEW; END $$;
    CREATE TRIGGER note_claim AFTER INSERT OR UPDATE ON auth_sweeps
       FOR EACH ROW WHEN (NEW.claimed_by IS NOT NULL) EXECUTE FUNCTION note_claim()`);
  const logger = new Collector();
  const storages = Array.from({ length: 6 }, () => db.adapter({ sweepIntervalMs: 4_000, logger, max: 2 }));
  await Promise.all(storages.map((storage) => storage.connect()));
  // Each of them tries between 2 and 4 seconds after connect().
  await sleep(5_500);
  expect(await db.query('SELECT DISTINCT claimant FROM claims')).toHaveLength(1);
  const swept = () => logger.lines.filter(({ message }) => message === 'swept in the background');
  await until(() => swept().length > 0);
  await Promise.all(storages.map((storage) => storage.disconnect()));
  expect(swept()).toHaveLength(1);
  expect(logger.lines.filter(({ level }) => level !== 'debug')).toEqual([]);
  await db.query('DROP FUNCTION note_claim CASCADE; DROP TABLE claims');
}, 30_000);

it('disconnect() ends the sweeps at once, in the middle of one too, and connect() begins them again', async () => {
  await sweeping({}, async (storage) => {
    await storage.connect();
    await until(async () => (await db.storage.healthCheck()).lastSweep !== undefined);
    await storage.disconnect();
    await db.query('DELETE FROM auth_sweeps');
    await addExpired(2);
    await sleep(2_500);
    expect(await left()).toBe(2);
    await storage.connect();
    await until(async () => (await left()) === 0);
    // A sweep of many statements, with pauses between them.
    await addExpired(60_000);
    await until(async () => (await left()) < 60_000);
    const started = Date.now();
    await storage.disconnect();
    expect(Date.now() - started).toBeLessThan(1_500);
    // Another process need not wait.
    expect(await claimed()).toEqual([]);
  });
  expect(await left()).toBeGreaterThan(0);
}, 60_000);

it('a sweep in the background waits while all connections are in use, and no call waits for it', async () => {
  await addExpired(2);
  await sweeping({ max: 2 }, async (storage) => {
    const busy = [1, 2].map(() => whileSleeping(storage));
    await sleep(2_500);
    expect(await left()).toBe(2);
    await Promise.all(busy);
    await until(async () => (await left()) === 0);
  });
}, 30_000);

/** Holds a connection for some seconds: the row is locked by somebody else. */
async function whileSleeping(storage: PostgresStorageAdapter) {
  const { id } = await db.storage.createUser({});
  const held = db.query(`BEGIN; SELECT FROM users WHERE id = '${id}' FOR UPDATE; SELECT pg_sleep(4); COMMIT`);
  await sleep(100);
  await storage.updateUser(id, { name: 'x' });
  await held;
}

it('a process that ended in the middle of a sweep keeps the others from sweeping until its claim has ended', async () => {
  await addExpired();
  await db.query(
    `INSERT INTO auth_sweeps (name, claimed_by, claimed_until) VALUES ('background', 'gone', now() + interval '3 s')`,
  );
  await sweeping({}, async () => {
    await sleep(2_000);
    expect(await left()).toBe(1);
    await until(async () => (await left()) === 0);
  });
});

it.each([
  ['the last sweep', `(name, started_at, duration_ms) VALUES ('background', now() + interval '1 year', 1)`],
  ['a claim', `(name, claimed_by, claimed_until) VALUES ('background', 'gone', now() + interval '1 year')`],
])('%s of a clock that was a year ahead does not keep anybody from sweeping', async (_, row) => {
  await addExpired();
  await db.query(`INSERT INTO auth_sweeps ${row}`);
  await sweeping({}, () => until(async () => (await left()) === 0));
});

it('a sweep that fails is warned of once, and is tried again', async () => {
  await addExpired();
  await db.query(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'secret row'; END $$;
    CREATE TRIGGER refuse BEFORE DELETE ON sessions FOR EACH ROW EXECUTE FUNCTION refuse()`);
  await sweeping({}, async (_, logger) => {
    const warnings = () => logger.lines.filter(({ level }) => level === 'warn');
    await until(async () => warnings().length > 0);
    expect(warnings()).toEqual([
      {
        level: 'warn',
        message: 'a sweep in the background failed, and will be tried again',
        fields: { code: 'auth_postgres/query_failed', sqlState: 'P0001', reason: expect.any(String) },
      },
    ]);
    expect(JSON.stringify(logger.lines)).not.toContain('secret row');
    await db.query('DROP FUNCTION refuse CASCADE');
    // As if its claim had ended already.
    await db.query(`UPDATE auth_sweeps SET claimed_until = now()`);
    await until(async () => (await left()) === 0);
  });
}, 30_000);

it('a process with nothing else to do ends, although it would sweep later', async () => {
  const { code } = await runScript(
    `import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
     await new PostgresStorageAdapter(process.env.URL, { sweepIntervalMs: 1000 }).connect();`,
    { env: { URL: db.url } },
  );
  expect(code).toBe(0);
});

it.each([-1, 1, 999, '1000', 1.5, true])('sweepIntervalMs: %p is refused', (sweepIntervalMs) => {
  expect(() => db.adapter({ sweepIntervalMs: sweepIntervalMs as never })).toThrow(
    expect.objectContaining({ code: 'auth_postgres/invalid_input' }),
  );
});
