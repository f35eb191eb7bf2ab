/** The table of events by month: months are made ahead by the store itself, by roles without rights to change tables too. */
import { Client } from 'pg';
import { useDatabase } from './helpers/database';
import { expectCode } from './helpers/errors';
import { forgetMonthsAfter, monthName, monthStart, partitions, range } from './helpers/event-months';
import { eventInput, unique } from './helpers/fixtures';

const db = useDatabase();

const placeOf = async (principalId: string) =>
  (
    await db.query('SELECT tableoid::regclass::text AS place FROM auth_events WHERE principal_id = $1 ORDER BY id', [
      principalId,
    ])
  ).map(({ place }) => place);

it('a new database has the present month, six ahead, and a partition before and one after them', async () => {
  expect(await partitions(db)).toEqual(['auth_events_past', ...range(0, 6), 'auth_events_future']);
});

it('emitEvent stores an event in the partition of its time, also where many share a statement', async () => {
  const times = [
    ['0001-01-01T00:00:00.000Z', 'auth_events_past'],
    [new Date(monthStart(0).getTime() - 1), 'auth_events_past'],
    [monthStart(0), monthName(0)],
    [new Date(monthStart(1).getTime() - 1), monthName(0)],
    [monthStart(6), monthName(6)],
    [monthStart(7), 'auth_events_future'],
    ['9999-12-31T23:59:59.999Z', 'auth_events_future'],
  ] as const;
  const principalId = unique();
  for (const [timestamp] of times)
    await db.storage.emitEvent(eventInput({ principalId, timestamp: timestamp as Date }));
  expect(await placeOf(principalId)).toEqual(times.map(([, place]) => place));
  const together = unique();
  await Promise.all(
    Array.from({ length: 64 }, (_, at) =>
      db.storage.emitEvent(
        eventInput({
          principalId: together,
          timestamp: (times[at % times.length] as (typeof times)[number])[0] as Date,
        }),
      ),
    ),
  );
  expect((await placeOf(together)).sort()).toEqual(
    Array.from({ length: 64 }, (_, at) => (times[at % times.length] as (typeof times)[number])[1]).sort(),
  );
});

it('connect() makes months ahead when fewer than three are left, and moves events there', async () => {
  await forgetMonthsAfter(db, 1);
  const principalId = unique();
  for (const timestamp of [monthStart(2), monthStart(20)])
    await db.storage.emitEvent(eventInput({ principalId, timestamp }));
  expect(await placeOf(principalId)).toEqual(['auth_events_future', 'auth_events_future']);
  await db.adapter().connect();
  expect(await partitions(db)).toEqual(['auth_events_past', ...range(0, 6), 'auth_events_future']);
  expect(await placeOf(principalId)).toEqual([monthName(2), 'auth_events_future']);
});

it('connect() leaves the table alone while there are three months ahead', async () => {
  await forgetMonthsAfter(db, 3);
  await db.adapter().connect();
  expect(await partitions(db)).toEqual(['auth_events_past', ...range(0, 3), 'auth_events_future']);
});

it('eight processes that connect at once, beside events being emitted, make each month once', async () => {
  await forgetMonthsAfter(db, 0);
  const adapters = Array.from({ length: 8 }, () => db.adapter({ max: 2 }));
  const principalId = unique();
  let isOver = false;
  let emitted = 0;
  let longest = 0;
  const emitting = (async () => {
    for (; !isOver; emitted += 1) {
      const began = performance.now();
      await db.storage.emitEvent(eventInput({ principalId, timestamp: monthStart(emitted % 9) }));
      longest = Math.max(longest, performance.now() - began);
    }
  })();
  await Promise.all(adapters.map((adapter) => adapter.connect()));
  isOver = true;
  await emitting;
  expect(await partitions(db)).toEqual(['auth_events_past', ...range(0, 6), 'auth_events_future']);
  expect(await placeOf(principalId)).toHaveLength(emitted);
  expect(longest).toBeLessThan(5_000);
});

it('connect() succeeds and warns when the table is in use for so long that no months can be made', async () => {
  await forgetMonthsAfter(db, 1);
  const lines: string[] = [];
  const note = (message: string) => lines.push(message);
  const logger = { debug: () => undefined, info: () => undefined, warn: note, error: note };
  const reader = new Client({ connectionString: db.url });
  await reader.connect();
  await reader.query('BEGIN; SELECT FROM auth_events LIMIT 1');
  await db.adapter({ logger }).connect();
  await reader.end();
  expect(lines).toEqual([expect.stringContaining('the upkeep of the tables failed')]);
  expect(await partitions(db)).toEqual(['auth_events_past', ...range(0, 1), 'auth_events_future']);
  await db.adapter().connect();
  expect(await partitions(db)).toEqual(['auth_events_past', ...range(0, 6), 'auth_events_future']);
});

it('more events than can be moved stay together, in a partition that ends with the present month', async () => {
  await db.query(`
    DELETE FROM auth_events;
    ALTER TABLE auth_events DETACH PARTITION auth_events_future;
    ALTER TABLE auth_events DETACH PARTITION auth_events_past;
    ${range(0, 6)
      .map((name) => `DROP TABLE IF EXISTS ${name};`)
      .join('\n')}
    ALTER TABLE auth_events ATTACH PARTITION auth_events_past FOR VALUES FROM (MINVALUE) TO ('${monthStart(-2).toISOString()}');
    ALTER TABLE auth_events ATTACH PARTITION auth_events_future FOR VALUES FROM ('${monthStart(-2).toISOString()}') TO (MAXVALUE);
    INSERT INTO auth_events (type, principal_id, timestamp)
    SELECT 'many', 'many', '${monthStart(-2).toISOString()}'::timestamptz + n * interval '1 minute' FROM generate_series(0, 60000) n;
    INSERT INTO auth_events (type, principal_id, timestamp) VALUES ('many', 'many', '${monthStart(1).toISOString()}'), ('many', 'many', '9000-01-01')`);
  const snoop = `${db.name}_snoop`;
  await db.query(`CREATE ROLE ${snoop}; ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO ${snoop}`);
  await db.adapter().connect();
  await db.query(`ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM ${snoop}`);
  const read = await db.query(
    `SELECT relname FROM pg_class WHERE has_table_privilege('${snoop}', oid, 'SELECT') AND relname LIKE 'auth_events%'`,
  );
  await db.query(`DROP OWNED BY ${snoop}; DROP ROLE ${snoop}`);
  expect(read).toEqual([]);
  const together = `${monthName(-2)}_on`;
  expect(await partitions(db)).toEqual(['auth_events_past', together, ...range(1, 6), 'auth_events_future']);
  const places = await db.query(
    'SELECT tableoid::regclass::text AS place, count(*)::int AS n FROM auth_events GROUP BY 1 ORDER BY 2 DESC, 1',
  );
  expect(places).toEqual([
    { place: together, n: 60_001 },
    { place: monthName(1), n: 1 },
    { place: 'auth_events_future', n: 1 },
  ]);
});

describe('The functions that change the table', () => {
  const roles = ['owner', 'app', 'reader'].map((role) => `${db.name}_${role}`);
  const [owner, app, reader] = roles as [string, string, string];
  const urlOf = (role: string) => {
    const url = new URL(db.url);
    url.username = role;
    url.password = 'x';
    return url.href;
  };
  const asRole = async (role: string, sql: string) => {
    const client = new Client({ connectionString: urlOf(role) });
    await client.connect();
    try {
      return (await client.query(sql)).rows;
    } finally {
      await client.end();
    }
  };
  const schema = 'of_owner';
  const call = (name: 'make' | 'drop', table = `${schema}.auth_events`) =>
    name === 'make'
      ? `SELECT ${schema}.auth_make_event_months('${table}', 12) AS n`
      : `SELECT ${schema}.auth_drop_event_months('${table}', '2200-01-01Z') AS n`;

  beforeAll(async () => {
    for (const role of roles) await db.query(`CREATE ROLE ${role} LOGIN PASSWORD 'x'`);
    await db.query(`CREATE SCHEMA ${schema} AUTHORIZATION ${owner}`);
    await db.adapter({ schema }, urlOf(owner)).connect();
    await db.query(`
      GRANT USAGE ON SCHEMA ${schema} TO ${app}, ${reader};
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO ${app};
      GRANT SELECT ON ALL TABLES IN SCHEMA ${schema} TO ${reader}`);
  });

  afterAll(async () => {
    await db.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE; DROP SCHEMA IF EXISTS mine CASCADE`);
    await db.query(roles.map((role) => `DROP OWNED BY ${role}; DROP ROLE ${role}`).join('; '));
  });

  it('let a role without rights to change tables emit events, make months and drop old ones', async () => {
    const storage = db.adapter({ schema, migrate: false, retainEventsForDays: 90 }, urlOf(app));
    await storage.connect();
    await storage.emitEvent(eventInput());
    await Promise.all(Array.from({ length: 20 }, () => storage.emitEvent(eventInput())));
    expect(await asRole(app, call('make'))).toEqual([{ n: 6 }]);
    expect(await asRole(app, call('drop'))).toEqual([{ n: 0 }]);
    const [{ owner: ownerOfMonth }] = await db.query(
      `SELECT pg_get_userbyid(relowner) AS owner FROM pg_class WHERE relname = '${monthName(12)}' AND relnamespace = '${schema}'::regnamespace`,
    );
    expect(ownerOfMonth).toBe(owner);
    await expect(asRole(app, `DROP TABLE ${schema}.${monthName(12)}`)).rejects.toMatchObject({ code: '42501' });
  });

  it('refuse a role that may not write the table', async () => {
    for (const name of ['make', 'drop'] as const) {
      await expect(asRole(reader, call(name))).rejects.toMatchObject({ code: '42501' });
      await asRole(app, `SET ROLE ${app}; ${call(name)}`);
      await db.query(`GRANT ${reader} TO ${app}`);
      await expect(asRole(app, `SET ROLE ${reader}; ${call(name)}`)).rejects.toMatchObject({ code: '42501' });
      await db.query(`REVOKE ${reader} FROM ${app}`);
    }
  });

  it('refuse any other table, and drop nothing that is no partition of the table', async () => {
    await db.query(`
      CREATE SCHEMA mine AUTHORIZATION ${app};
      CREATE TABLE ${schema}.other (timestamp timestamptz) PARTITION BY RANGE (timestamp);
      ALTER TABLE ${schema}.other OWNER TO ${owner};
      CREATE TABLE ${schema}.auth_events_2001_01 (id int)`);
    await asRole(app, 'CREATE TABLE mine.auth_events (timestamp timestamptz) PARTITION BY RANGE (timestamp)');
    for (const table of [
      `${schema}.other`,
      `${schema}.users`,
      'mine.auth_events',
      'public.auth_events',
      `${schema}.${monthName(0)}`,
    ]) {
      for (const name of ['make', 'drop'] as const)
        await expect(asRole(app, call(name, table))).rejects.toMatchObject({ code: '42501' });
    }
    await asRole(app, call('drop'));
    await db.query(`SELECT FROM ${schema}.auth_events_2001_01`);
    await db.query(`DROP TABLE ${schema}.auth_events_2001_01, ${schema}.other`);
  });

  it('do not look into schemas of the caller', async () => {
    await asRole(
      app,
      `CREATE FUNCTION mine.date_trunc(text, timestamptz) RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN RAISE 'called'; END $$;
       CREATE FUNCTION mine.now() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN RAISE 'called'; END $$`,
    );
    for (const name of ['make', 'drop'] as const)
      await asRole(app, `SET search_path = mine, pg_catalog; ${call(name)}`);
  });
});

it('connect() without migrations rejects with schema_mismatch if the schema has no tables', async () => {
  await expectCode(db.adapter({ schema: 'nowhere', migrate: false }).connect(), 'schema_mismatch');
});
