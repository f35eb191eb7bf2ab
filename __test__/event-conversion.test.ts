/** A table of events that is large already becomes the part before the first month, while events are being emitted. */
import { Client } from 'pg';
import { asSuperuser, useDatabase } from './helpers/database';
import { expectCode } from './helpers/errors';
import { monthName, monthStart, partitions, range } from './helpers/event-months';
import { eventInput, sessionInput, unique } from './helpers/fixtures';

const BEFORE = '0005_data_only_dumps';
const ROWS = 130_000;

/** A database before the migration, with large tables. */
function useLargeTables() {
  const db = useDatabase();
  beforeAll(async () => {
    await db.storage.rollback({ to: BEFORE });
    const { id } = await db.storage.createUser({});
    await db.query(
      `INSERT INTO auth_events (type, principal_id, org_id, data, timestamp)
       SELECT 't' || n % 7, 'p' || n % 1000, CASE WHEN n % 2 = 0 THEN 'o' || n % 100 END, jsonb_build_object('n', n, 'text', repeat('x', 80))
            , now() - n * interval '1 minute'
         FROM generate_series(1, ${ROWS}) n`,
    );
    await db.query(
      `INSERT INTO sessions (id, user_id, expires_at, metadata)
       SELECT 's' || n, $1, now() + interval '1 day', jsonb_build_object('text', repeat('x', 200)) FROM generate_series(1, 60000) n`,
      [id],
    );
    await db.query(
      `INSERT INTO users (id, metadata) SELECT 'u' || n, jsonb_build_object('text', repeat('x', 200)) FROM generate_series(1, 60000) n`,
    );
    await db.query('ANALYZE');
  }, 120_000);
  return db;
}

const counts = async (db: ReturnType<typeof useDatabase>) =>
  (await db.query('SELECT count(*)::int AS n, count(DISTINCT id)::int AS ids FROM auth_events'))[0];

/** Where each relation lies: another file means that it was rewritten. */
const filesOf = (db: ReturnType<typeof useDatabase>, names: string[]) =>
  db.query('SELECT relname, relfilenode FROM pg_class WHERE relname = ANY($1) ORDER BY 1', [names]);

describe('connect() on large tables', () => {
  const db = useLargeTables();

  it('converts them while sessions are created and events emitted, none of which waits for long or is lost', async () => {
    const [{ relfilenode: heap }] = await filesOf(db, ['auth_events']);
    const user = (await db.storage.createUser({})).id;
    let isOver = false;
    let longest = 0;
    let emitted = 0;
    const emitting = (async () => {
      while (!isOver) {
        const began = performance.now();
        await Promise.all([db.storage.emitEvent(eventInput()), db.storage.createSession(sessionInput(user))]);
        emitted += 1;
        longest = Math.max(longest, performance.now() - began);
      }
    })();
    const lines: string[] = [];
    const note = (message: string, fields: Record<string, unknown>) =>
      lines.push(`${message} ${fields.statement ?? ''}`);
    const logger = { debug: () => undefined, info: note, warn: note, error: note };
    const adapters = [db.adapter({ logger }), ...Array.from({ length: 7 }, () => db.adapter({ max: 1 }))];
    await Promise.all(adapters.map((adapter) => adapter.connect()));
    isOver = true;
    await emitting;
    expect(emitted).toBeGreaterThan(10);
    // The statements that build indexes take longer on their own.
    expect(longest).toBeLessThan(1_500);
    expect(await counts(db)).toEqual({ n: ROWS + emitted, ids: ROWS + emitted });
    expect(await partitions(db)).toEqual(['auth_events_past', ...range(2, 6), 'auth_events_future']);
    // The old table itself, with the indexes that were built beforehand.
    expect(await filesOf(db, ['auth_events_past'])).toMatchObject([{ relfilenode: heap }]);
    const [{ indexes }] = await db.query(
      `SELECT array_agg(c.relname::text ORDER BY c.relname) AS indexes FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = 'auth_events_past'::regclass AND i.indisvalid`,
    );
    expect(indexes).toEqual([
      'auth_events_past_org_id_idx',
      'auth_events_past_pkey',
      'auth_events_past_principal_id_idx',
      'auth_events_past_type_idx',
    ]);
    await expect(db.storage.listEvents({ type: 't3', limit: 3 })).resolves.toMatchObject({ items: { length: 3 } });
  }, 120_000);

  it('leaves a table whose months and retention work like those of a new one', async () => {
    await db.storage.emitEvent(eventInput({ timestamp: monthStart(3) }));
    const [{ place }] = await db.query(
      'SELECT tableoid::regclass::text AS place FROM auth_events WHERE timestamp = $1',
      [monthStart(3)],
    );
    expect(place).toBe(monthName(3));
  });

  it('can be rolled back, with all events', async () => {
    const before = await counts(db);
    await db.storage.rollback({ to: BEFORE });
    expect(await counts(db)).toEqual(before);
    await db.storage.emitEvent(eventInput());
    const { n } = await counts(db);
    await db.adapter().connect();
    // One event lies further ahead than the rule would have it, so that it is moved instead.
    expect(await counts(db)).toEqual({ n, ids: n });
    expect(await partitions(db)).toEqual(['auth_events_past', ...range(1, 6), 'auth_events_future']);
    const [{ place }] = await db.query(
      'SELECT tableoid::regclass::text AS place FROM auth_events WHERE timestamp = $1',
      [monthStart(3)],
    );
    expect(place).toBe(monthName(3));
    expect(await db.query(`SELECT FROM pg_constraint WHERE conname LIKE 'auth_events_before%'`)).toEqual([]);
  }, 120_000);
});

describe('A preparation that was interrupted', () => {
  const db = useLargeTables();
  const rule = () =>
    db.query(`SELECT conname, convalidated FROM pg_constraint WHERE conname LIKE 'auth_events_before%' ORDER BY 1`);

  it('goes on after any of its steps, whatever that one has left behind', async () => {
    const steps: string[] = [];
    const began = { debug: () => undefined, warn: () => undefined, error: () => undefined };
    for (let step = 1; step <= 12; step += 1) {
      let count = 0;
      const storage = db.adapter({
        max: 1,
        maxRetries: 0,
        logger: {
          ...began,
          info: (message: string, fields: Record<string, unknown>) => {
            if (message !== 'preparing') return;
            count += 1;
            steps.push(`${step}: ${fields.statement}`);
            // In the middle of it, where the log line comes before its end, or right after it.
            if (count === (step % 3) + 1)
              void asSuperuser((client) =>
                client.query(
                  `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND query ~ '^(CREATE|ALTER|DROP|SELECT pg_try)'`,
                  [db.name],
                ),
              );
          },
        },
      });
      await storage.connect().catch(() => undefined);
      await storage.disconnect();
      if ((await db.query(`SELECT FROM pg_class WHERE relname = 'auth_events_past'`)).length > 0) break;
    }
    await db.adapter().connect();
    expect(steps.length).toBeGreaterThan(5);
    expect(await counts(db)).toEqual({ n: ROWS, ids: ROWS });
    expect(await rule()).toEqual([]);
    expect(await db.query(`SELECT FROM pg_index WHERE NOT indisvalid`)).toEqual([]);
  }, 120_000);

  it('replaces an index that was not finished, and a rule that would soon refuse events', async () => {
    await db.storage.rollback({ to: BEFORE });
    const old = monthName(0).slice('auth_events_'.length);
    await db.query(`
      ALTER TABLE auth_events ADD CONSTRAINT auth_events_before_${old} CHECK (timestamp < '${monthStart(0).toISOString()}') NOT VALID;
      CREATE INDEX auth_events_past_type_idx ON auth_events (type COLLATE "C", timestamp, id)`);
    await db.query(`UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'auth_events_past_type_idx'::regclass`);
    await db.adapter().connect();
    expect(await rule()).toEqual([]);
    expect(await db.query(`SELECT FROM pg_index WHERE NOT indisvalid`)).toEqual([]);
    expect(await counts(db)).toEqual({ n: ROWS, ids: ROWS });
  }, 120_000);

  it('waits for what holds the table, and does not keep others waiting for longer than a second', async () => {
    await db.storage.rollback({ to: BEFORE });
    const reader = new Client({ connectionString: db.url });
    await reader.connect();
    await reader.query('BEGIN; SELECT FROM auth_events LIMIT 1; SELECT FROM sessions LIMIT 1');
    const connecting = db.adapter().connect();
    let longest = 0;
    const until = Date.now() + 4_000;
    while (Date.now() < until) {
      const began = Date.now();
      await db.storage.emitEvent(eventInput());
      longest = Math.max(longest, Date.now() - began);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(longest).toBeLessThan(2_000);
    await reader.end();
    await connecting;
    expect(await partitions(db)).toContain('auth_events_past');
  }, 120_000);
});

describe('A table that the application has added something to', () => {
  const db = useDatabase();

  it.each([
    ['a column', 'ALTER TABLE auth_events ADD COLUMN mine int', 'the column mine'],
    ['a constraint', `ALTER TABLE auth_events ADD CONSTRAINT mine CHECK (type <> '')`, 'the constraint mine'],
    [
      'a trigger',
      'CREATE TRIGGER mine BEFORE UPDATE ON auth_events FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()',
      'the trigger mine',
    ],
    ['row level security', 'ALTER TABLE auth_events ENABLE ROW LEVEL SECURITY', 'row level security'],
    ['a view', 'CREATE VIEW mine AS SELECT id FROM auth_events', 'view public.mine'],
  ])('is left as it is, and the error names it: %s', async (what, change, named) => {
    await db.storage.rollback({ to: BEFORE });
    await db.query(change);
    const error = await expectCode(db.adapter().connect(), 'migration_failed');
    expect(error.message).toContain(named);
    expect(await db.query(`SELECT relkind FROM pg_class WHERE oid = 'auth_events'::regclass`)).toEqual([
      { relkind: 'r' },
    ]);
    const undo: Record<string, string> = {
      'a column': 'ALTER TABLE auth_events DROP COLUMN mine',
      'a constraint': 'ALTER TABLE auth_events DROP CONSTRAINT mine',
      'a trigger': 'DROP TRIGGER mine ON auth_events',
      'row level security': 'ALTER TABLE auth_events DISABLE ROW LEVEL SECURITY',
      'a view': 'DROP VIEW mine',
    };
    await db.query(undo[what] as string);
    await db.adapter().connect();
    await db.storage.emitEvent(eventInput({ principalId: unique() }));
  });
});
