/** Each way in which a database can be broken: the doctor finds it, and is right about what repairs it. */
import type { Finding } from '@kitiumai/auth-postgres';
import { Client } from 'pg';
import { CATALOGUE } from './helpers/catalogue';
import { useDatabase } from './helpers/database';
import { monthName, monthStart } from './helpers/event-months';
import { eventInput, organizationInput, sessionInput, unique, userInput } from './helpers/fixtures';

const db = useDatabase();
const amiss = async () =>
  (await db.storage.diagnose()).filter(({ severity }) => ['warning', 'error'].includes(severity));
const present = monthName(0);
const event = (timestamp: Date) => db.storage.emitEvent(eventInput({ timestamp, principalId: unique() }));

/** The repairs of all findings, one after the other as they are printed. */
async function repair(findings: Finding[]): Promise<void> {
  const script = findings.flatMap(({ repair: sql }) => (/^[A-Z]+ /.test(sql ?? '') ? sql : [])).join(';\n');
  // A statement a message, as psql sends them.
  for (const [statement] of script.matchAll(/(?:(\$\w+\$)[\s\S]*?\1|[^;])+/g)) {
    const sql = statement.replaceAll(/^\s*--.*$/gm, '').trim();
    if (sql) await db.query(sql);
  }
}

/** What a new database does as well. */
async function expectCallsToWork(): Promise<void> {
  const { id: userId } = await db.storage.createUser({ email: `${unique()}@example.com`, metadata: { a: 1 } });
  await expect(db.storage.getUser(userId)).resolves.toMatchObject({ metadata: { a: 1 }, entitlements: [] });
  const { id } = await db.storage.createSession(sessionInput(userId));
  await expect(db.storage.getSession(id)).resolves.toMatchObject({ userId });
  for (const time of [new Date('1999-01-01'), monthStart(-1), new Date(), monthStart(1), new Date('2999-01-01')])
    await event(time);
  const rows = `SELECT count(*)::int AS n FROM auth_events`;
  const [{ n }] = await db.query(rows);
  await event(new Date());
  await expect(db.query(rows)).resolves.toEqual([{ n: n + 1 }]);
}

beforeAll(async () => {
  const { id: userId } = await db.storage.createUser(userInput());
  const { id: orgId } = await db.storage.createOrganization(organizationInput());
  await db.storage.createSession(sessionInput(userId, { orgId }));
  await event(new Date());
});

// First, since a column that was made again has another number.
it('the doctor gives a column that was renamed its name back, with what is in it', async () => {
  const { id } = await db.storage.createUser(userInput({ picture: 'https://example.com/a.png' }));
  await db.query('ALTER TABLE users RENAME COLUMN picture TO "My DROP COLUMN"');
  await repair(await amiss());
  expect(await amiss()).toEqual([]);
  await expect(db.storage.getUser(id)).resolves.toMatchObject({ picture: 'https://example.com/a.png' });
});

/** A change, what the finding is about, and how grave it is. */
const changes: [change: string, title: string, severity: string][] = [
  ['ALTER TABLE users DROP COLUMN picture', 'column users.picture', 'error'],
  ['ALTER TABLE users DROP COLUMN metadata', 'column users.metadata', 'error'],
  ['ALTER TABLE sessions DROP COLUMN entitlements', 'column sessions.entitlements', 'error'],
  ['ALTER TABLE users ALTER COLUMN plan TYPE varchar(10)', 'column users.plan', 'error'],
  [
    'ALTER TABLE sessions ALTER COLUMN metadata DROP DEFAULT, ALTER COLUMN metadata TYPE text',
    'column sessions.metadata',
    'error',
  ],
  ['ALTER TABLE users ADD COLUMN nickname text', 'column users.nickname', 'warning'],
  ['ALTER TABLE users ALTER COLUMN plan DROP DEFAULT', 'default users.plan', 'error'],
  [`ALTER TABLE users ALTER COLUMN plan SET DEFAULT 'paid'`, 'default users.plan', 'error'],
  ['ALTER TABLE sessions ALTER COLUMN expires_at DROP NOT NULL', 'not-null constraint sessions.expires_at', 'error'],
  [
    'ALTER TABLE sessions ALTER COLUMN metadata DROP NOT NULL; UPDATE sessions SET metadata = NULL',
    'not-null constraint sessions.metadata',
    'error',
  ],
  ['ALTER TABLE users ALTER COLUMN email SET NOT NULL', 'not-null constraint users.email', 'warning'],
  ['ALTER TABLE users DROP CONSTRAINT users_pkey CASCADE', 'constraint users_pkey of users', 'error'],
  [
    'ALTER TABLE organizations DROP CONSTRAINT organizations_pkey CASCADE',
    'constraint organizations_pkey of organizations',
    'error',
  ],
  [
    'ALTER TABLE sessions DROP CONSTRAINT sessions_user_id_fkey',
    'constraint sessions_user_id_fkey of sessions',
    'error',
  ],
  [
    'ALTER TABLE sessions DROP CONSTRAINT sessions_user_id_fkey, ADD CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id)',
    'constraint sessions_user_id_fkey of sessions',
    'error',
  ],
  ['ALTER TABLE sessions DISABLE TRIGGER ALL', 'constraint sessions_user_id_fkey of sessions', 'error'],
  ['ALTER TABLE users DISABLE TRIGGER ALL', 'constraint sessions_user_id_fkey of sessions', 'error'],
  [
    'ALTER TABLE users ADD CONSTRAINT "too short" CHECK (length(name) < 99)',
    'constraint too short of users',
    'warning',
  ],
  ['DROP INDEX user_roles_role_id_idx', 'index user_roles_role_id_idx of user_roles', 'error'],
  [
    'DROP INDEX users_email_key; CREATE UNIQUE INDEX users_email_key ON users (email)',
    'index users_email_key of users',
    'error',
  ],
  ['CREATE INDEX "My index" ON users (name)', 'index My index of users', 'notice'],
  ['CREATE UNIQUE INDEX "My index" ON sessions (user_id)', 'index My index of sessions', 'warning'],
  [
    `CREATE INDEX "My index" ON sessions (plan); UPDATE pg_index SET indisvalid = false WHERE indexrelid = '"My index"'::regclass`,
    'indexes',
    'warning',
  ],
  ['ALTER TABLE sessions SET (autovacuum_enabled = no)', 'autovacuum', 'warning'],
  [`ALTER TABLE ${present} SET (autovacuum_enabled = false)`, 'autovacuum', 'warning'],
  ['DROP TRIGGER users_set_updated_at ON users', 'trigger users_set_updated_at of users', 'error'],
  [
    'ALTER TABLE users DISABLE TRIGGER users_set_updated_at',
    'state of the trigger users_set_updated_at of users',
    'error',
  ],
  [
    'CREATE TRIGGER "My trigger" BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION auth_set_updated_at()',
    'trigger My trigger of users',
    'warning',
  ],
  [
    'ALTER TABLE sessions DROP CONSTRAINT sessions_user_id_fkey, ADD CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE NOT VALID',
    'constraint sessions_user_id_fkey of sessions',
    'error',
  ],
  ['ALTER TABLE users RENAME CONSTRAINT users_pkey TO "My key"', 'constraint users_pkey of users', 'error'],
  [
    'CREATE TABLE "My sessions" () INHERITS (sessions)',
    'table that inherits public."My sessions" of sessions',
    'warning',
  ],
  ['ALTER FUNCTION auth_make_event_months OWNER TO pg_monitor', 'owners', 'warning'],
  [`GRANT ALL ON SCHEMA public TO pg_monitor; ALTER TABLE ${present} OWNER TO pg_monitor`, 'owners', 'warning'],
  [`DELETE FROM auth_migrations WHERE id IN ('0005_data_only_dumps', '0009_sweeps')`, 'migrations', 'error'],
  ['CREATE RULE "My rule" AS ON INSERT TO sessions DO INSTEAD NOTHING', 'rule My rule of sessions', 'warning'],
  ['ALTER FUNCTION auth_leave_organizations() RESET search_path', 'function auth_leave_organizations', 'error'],
  ['ALTER FUNCTION auth_set_updated_at() SECURITY DEFINER', 'function auth_set_updated_at', 'error'],
  ['DROP FUNCTION auth_set_updated_at() CASCADE', 'function auth_set_updated_at', 'error'],
  [
    `CREATE OR REPLACE FUNCTION auth_set_updated_at() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`,
    'function auth_set_updated_at',
    'error',
  ],
  ['ALTER TABLE sessions RESET (fillfactor)', 'fillfactor sessions', 'error'],
  ['ALTER TABLE password_hashes SET UNLOGGED', 'durability password_hashes', 'error'],

  ['DROP INDEX auth_events_type_idx', 'index auth_events_type_idx of auth_events', 'error'],
  [
    'DROP INDEX auth_events_type_idx; CREATE INDEX auth_events_type_idx ON ONLY auth_events (type, "timestamp", id)',
    'indexes',
    'warning',
  ],
  [
    'ALTER TABLE auth_events DROP CONSTRAINT auth_events_pkey; ALTER TABLE ONLY auth_events ADD CONSTRAINT auth_events_pkey PRIMARY KEY ("timestamp", id)',
    'indexes',
    'warning',
  ],
  [`ALTER TABLE auth_events DETACH PARTITION ${present}`, 'partitions', 'error'],
  [`DROP TABLE ${present}, ${monthName(1)}`, 'partitions', 'error'],
  [
    `ALTER TABLE auth_events DETACH PARTITION ${present}; ALTER TABLE auth_events DETACH PARTITION ${monthName(2)}`,
    'partitions',
    'error',
  ],
  ['ALTER TABLE auth_events DETACH PARTITION auth_events_past', 'partitions', 'error'],
  ['ALTER TABLE auth_events DETACH PARTITION auth_events_future', 'partitions', 'error'],
  ['DROP TABLE auth_events_past, auth_events_future', 'partitions', 'error'],
  [`ALTER TABLE ${present} SET UNLOGGED`, `durability ${present}`, 'error'],
  [
    `ALTER TABLE ${present} ADD CONSTRAINT "My rule" CHECK (type <> 'x')`,
    `constraint My rule of ${present}`,
    'warning',
  ],
  [
    `DELETE FROM auth_events; ALTER TABLE ${present} ALTER COLUMN org_id SET NOT NULL`,
    `not-null constraint ${present}.org_id`,
    'warning',
  ],
  [`CREATE UNIQUE INDEX "My index" ON ${present} (principal_id, type)`, `index My index of ${present}`, 'warning'],
  [
    `CREATE TRIGGER "My trigger" BEFORE INSERT ON ${present} FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()`,
    `trigger My trigger of ${present}`,
    'warning',
  ],

  [`SELECT setval('auth_events_id_seq', 9000000000000000000)`, 'sequences', 'warning'],
  [
    "ALTER SEQUENCE auth_events_id_seq AS int RESTART 2000000000; SELECT nextval('auth_events_id_seq')",
    'sequences',
    'warning',
  ],
  ['ALTER SEQUENCE auth_events_id_seq MAXVALUE 4000000000 CYCLE', 'sequences', 'warning'],
  ['ALTER SEQUENCE auth_events_id_seq INCREMENT BY -1', 'sequences', 'warning'],
  [
    `INSERT INTO auth_events (id, type, principal_id, org_id, data, timestamp) VALUES (9000, 'a', 'b', 'c', '{}', now());
     SELECT setval('auth_events_id_seq', 8000)`,
    'ids of audit events',
    'warning',
  ],
];

it.each(changes)('the doctor finds and repairs %s', async (change, title, severity) => {
  const before = await db.query(CATALOGUE);
  await db.query(change);
  const findings = await db.storage.diagnose();
  expect(findings.filter((finding) => finding.title === title && finding.severity !== 'ok')).toEqual([
    expect.objectContaining({ severity }),
  ]);
  await repair(await amiss());
  expect(await amiss()).toEqual([]);
  await expectCallsToWork();
  await db.query('DROP INDEX IF EXISTS "My index"; DROP TABLE IF EXISTS "My sessions"');
  // The order of columns is another one afterwards, and so are the parentheses of a trigger's condition.
  const text = (rows: object[]) =>
    JSON.stringify(rows)
      .replaceAll(/"\d+\. /g, '"')
      .replaceAll(/[()]/g, '');
  expect(text(await db.query(CATALOGUE))).toBe(text(before));
});

it('the doctor does not take a column of the application for one that is missing', async () => {
  await db.query('ALTER TABLE users DROP COLUMN picture, ADD COLUMN nickname text');
  const findings = await amiss();
  expect(findings.find(({ title }) => title === 'column users.picture')?.repair).toMatch(/ ADD COLUMN picture text$/);
  await repair(findings);
  expect(await amiss()).toEqual([]);
});

it.each([
  ['a view', `CREATE VIEW ${present} AS SELECT 1 AS one`, `DROP VIEW ${present}`],
  ['a table with other columns', `CREATE TABLE ${present} (id bigint)`, `DROP TABLE ${present}`],
  [
    'a partition of another table',
    `CREATE TABLE other (LIKE auth_events) PARTITION BY LIST (type); CREATE TABLE ${present} PARTITION OF other DEFAULT`,
    'DROP TABLE other',
  ],
  [
    'a partition with other bounds',
    `CREATE TABLE ${present} PARTITION OF auth_events FOR VALUES FROM ('${monthStart(0).toISOString()}') TO ('${new Date(monthStart(0).getTime() + 86_400_000).toISOString()}')`,
    '',
  ],
])('the doctor makes a part of the events whose name has %s under another name', async (_, take, give) => {
  await db.query(`DROP TABLE ${present}`);
  await db.query(take);
  const findings = await amiss();
  expect(findings.map(({ id }) => id)).toEqual(['tables.partitions']);
  await repair(findings);
  expect(await amiss()).toEqual([]);
  await expectCallsToWork();
  await db.query(`${give}; DROP TABLE IF EXISTS ${present}, ${present}_2`);
  await repair(await amiss());
});

it('the doctor misses no part of the events where a default partition has a place for every time', async () => {
  await db.query(`CREATE TABLE my_events PARTITION OF auth_events DEFAULT; DROP TABLE ${present}`);
  expect(await amiss()).toEqual([]);
  await expectCallsToWork();
  await db.query('DROP TABLE my_events');
  await repair(await amiss());
});

it('the doctor finishes a DETACH … CONCURRENTLY that was interrupted, and attaches the month again', async () => {
  const [{ version }] = await db.query(`SELECT current_setting('server_version_num')::int / 10000 AS version`);
  if (version < 14) return;
  const [reader, detaching] = [1, 2].map(() => new Client({ connectionString: db.url, statement_timeout: 500 }));
  await Promise.all([reader?.connect(), detaching?.connect()]);
  await reader?.query('BEGIN; SELECT FROM auth_events LIMIT 1');
  await expect(
    detaching?.query(`ALTER TABLE auth_events DETACH PARTITION ${present} CONCURRENTLY`),
  ).rejects.toMatchObject({ code: '57014' });
  await Promise.all([reader?.end(), detaching?.end()]);
  const findings = await amiss();
  expect(findings).toContainEqual(expect.objectContaining({ id: 'tables.partitions', severity: 'error' }));
  await repair(findings);
  expect(await amiss()).toEqual([]);
  await expectCallsToWork();
});
