/** The methods for those who run migrations apart from the application. */
import type { MigrationStatus, PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { Client } from 'pg';
import { CATALOGUE } from './helpers/catalogue';
import { asSuperuser, useDatabase } from './helpers/database';
import { expectCode, expectInvalidInput } from './helpers/errors';
import { argumentsOf, call, makeScene } from './helpers/every-method';
import { whileLocked } from './helpers/failing';
import { FIRST, LAST, MIGRATION_LOCK, MIGRATIONS, NEWEST_FIRST } from './helpers/migrations';

const SECOND = MIGRATIONS[1] as string;
const SECOND_LAST = MIGRATIONS[MIGRATIONS.length - 2] as string;

describe('migrate()', () => {
  const db = useDatabase({ migrated: false });
  const states = async () => (await db.storage.migrationStatus()).migrations.map(({ state }) => state);

  it('with dryRun returns the SQL of what is pending, and changes nothing', async () => {
    const { migrations, sql = '' } = await db.storage.migrate({ dryRun: true });
    expect(migrations).toEqual(MIGRATIONS);
    for (const id of MIGRATIONS) expect(sql).toContain(`-- ${id}`);
    expect(await db.query(CATALOGUE)).toEqual([]);
  });

  it('stops at the migration in `to`, and goes on from there', async () => {
    await expect(db.storage.migrate({ to: SECOND })).resolves.toEqual({ migrations: [FIRST, SECOND] });
    expect(await states()).toEqual(MIGRATIONS.map((_, at) => (at < 2 ? 'applied' : 'pending')));
    await expect(db.storage.migrate({ to: FIRST })).resolves.toEqual({ migrations: [] });
    const { migrations } = await db.storage.migrate({ dryRun: true });
    expect(migrations).toEqual(MIGRATIONS.slice(2));
    await expect(db.storage.migrate()).resolves.toEqual({ migrations: MIGRATIONS.slice(2) });
    expect(new Set(await states())).toEqual(new Set(['applied']));
    await expect(db.storage.migrate({ dryRun: true })).resolves.toEqual({ migrations: [], sql: '' });
  });

  it('migrates even with the option `migrate: false`', async () => {
    const storage = db.adapter({ migrate: false, schema: 'apart' });
    await expect(storage.migrate()).resolves.toEqual({ migrations: MIGRATIONS });
    await storage.connect();
  });

  it('lets one of eight callers apply each migration', async () => {
    const results = await Promise.all(Array.from({ length: 8 }, () => db.adapter({ schema: 'contended' }).migrate()));
    expect(results.flatMap(({ migrations }) => migrations).sort()).toEqual(MIGRATIONS);
  });

  it('rejects a `to` that is no migration', async () => {
    await expectInvalidInput(db.storage.migrate({ to: '0000_nothing' }), 'to');
    await expectInvalidInput(db.storage.migrate({ to: '0000_nothing', dryRun: true }), 'to');
    await expectInvalidInput(db.storage.migrate({ dryrun: true } as never), 'dryrun');
  });
});

describe('migrationStatus()', () => {
  const db = useDatabase();

  it('says of each migration when it was applied and how long it took', async () => {
    const { schema, migrations } = await db.storage.migrationStatus();
    expect(schema).toBe('public');
    expect(migrations.map(({ id }) => id)).toEqual(MIGRATIONS);
    for (const { appliedAt, durationMs } of migrations) {
      expect(Date.now() - (appliedAt as Date).getTime()).toBeLessThan(300_000);
      expect(durationMs).toBeGreaterThan(0);
    }
  });

  it('tells migrations that are pending, edited or newer', async () => {
    await db.query(`
      UPDATE auth_migrations SET checksum = 'edited' WHERE id = '${FIRST}';
      DELETE FROM auth_migrations WHERE id = '${LAST}';
      INSERT INTO auth_migrations (id, checksum, duration_ms) VALUES ('9999_newer', 'x', 0)`);
    const { migrations } = await db.storage.migrationStatus();
    const state = Object.fromEntries(migrations.map((each) => [each.id, each.state]));
    expect(state).toMatchObject({ [FIRST]: 'edited', [SECOND]: 'applied', [LAST]: 'pending', '9999_newer': 'newer' });
  });
});

describe('migrationSql()', () => {
  const db = useDatabase({ migrated: false });
  const inSchema = (schema: string) => CATALOGUE.replaceAll('current_schema()', `'${schema}'`);
  const withoutName = (schema: string, rows: object[]) => JSON.stringify(rows).replaceAll(`${schema}.`, '');

  it('is a script that makes the same database as connect() does', async () => {
    await db.adapter({ schema: 'migrated' }).connect();
    const storage = db.adapter({ schema: 'scripted' });
    await db.query(await storage.migrationSql());
    const [expected, found] = await Promise.all(['migrated', 'scripted'].map((schema) => db.query(inSchema(schema))));
    expect(withoutName('scripted', found ?? [])).toBe(withoutName('migrated', expected ?? []));
    const { migrations } = await storage.migrationStatus();
    expect(new Set(migrations.map(({ state }) => state))).toEqual(new Set(['applied']));
    await storage.connect();
    await expect(storage.createUser({})).resolves.toMatchObject({ plan: 'free' });
    await storage.rollback({ to: null, dropData: true });
    expect(await db.query(inSchema('scripted'))).toEqual([]);
  });

  it('goes on from `from`, stops at `to`, and leads back where `to` is before `from`', async () => {
    const storage = db.adapter({ schema: 'stepwise' });
    await db.query(await storage.migrationSql({ to: SECOND }));
    await db.query(await storage.migrationSql({ from: SECOND }));
    await storage.connect();
    await db.query(await storage.migrationSql({ from: LAST, to: FIRST }));
    expect((await storage.migrationStatus()).migrations.map(({ state }) => state)).toEqual(
      MIGRATIONS.map((_, at) => (at === 0 ? 'applied' : 'pending')),
    );
    await db.query(await storage.migrationSql({ from: FIRST, to: null }));
    expect(await db.query(inSchema('stepwise'))).toEqual([]);
    await expect(storage.migrationSql({ from: FIRST, to: FIRST })).resolves.toBe('');
  });

  it('needs no server, and rejects ids that are no migrations', async () => {
    const storage = db.adapter({}, 'postgres://nowhere.invalid');
    await expect(storage.migrationSql({ from: SECOND_LAST })).resolves.toContain(`-- ${LAST}`);
    await expectInvalidInput(storage.migrationSql({ from: 'x' }), 'from');
    await expectInvalidInput(storage.migrationSql({ to: 'x' }), 'to');
  });
});

describe('previewRollback()', () => {
  const db = useDatabase();

  it('says what rollback() would undo and which rows it would drop, and changes nothing', async () => {
    const before = await db.query(CATALOGUE);
    await db.storage.createUser({});
    const all = await db.storage.previewRollback({ to: null });
    expect(all.migrations).toEqual(NEWEST_FIRST);
    expect(all.givesBack).toBe(false);
    expect(all.tables.filter(({ rows }) => rows > 0)).toEqual([{ table: 'users', rows: 1 }]);
    await expect(db.storage.previewRollback({ to: LAST })).resolves.toMatchObject({ migrations: [], tables: [] });
    expect(await db.query(CATALOGUE)).toEqual(before);
    await expectInvalidInput(db.storage.previewRollback({ to: 'x' }), 'to');
    await expectInvalidInput(db.storage.previewRollback({} as never), 'to');
  });
});

describe('A rollback and its preview beside somebody who holds a table', () => {
  const db = useDatabase();

  it.each(['auth_sweeps', 'auth_migrations'])(
    'end in time, whoever locks %s',
    async (table) => {
      const storage = db.adapter({ statementTimeoutMs: 1_000, maxRetries: 0 });
      await storage.connect();
      const holder = new Client({ connectionString: db.url });
      await holder.connect();
      await holder.query(`BEGIN; LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
      try {
        for (const call of [
          () => storage.previewRollback({ to: SECOND }),
          () => storage.rollback({ to: SECOND, dropData: true }),
        ]) {
          const began = Date.now();
          const error = await call().then(
            () => undefined,
            (reason) => reason,
          );
          expect(error?.code).toMatch(/^auth_postgres\/(lock_timeout|statement_timeout)$/);
          expect(error.retryable).toBe(true);
          expect(error.message).not.toContain('0000_taken_over');
          expect(Date.now() - began).toBeLessThan(13_000);
        }
      } finally {
        await holder.end();
      }
    },
    60_000,
  );
});

describe('What is given up while somebody holds the list of migrations', () => {
  const db = useDatabase();
  const GIVEN_UP = { timeoutMs: 300 };
  const HELD = `DO $$ BEGIN
    LOCK TABLE auth_migrations IN ACCESS EXCLUSIVE MODE; PERFORM pg_advisory_xact_lock(${MIGRATION_LOCK}); END $$`;
  const changes: [string, () => Promise<unknown>][] = [
    ['migrate', () => db.storage.migrate(GIVEN_UP)],
    ['baseline', () => db.storage.baseline(GIVEN_UP)],
    ['rollback', () => db.storage.rollback({ to: SECOND, dropData: true, ...GIVEN_UP })],
  ];
  const looks: [string, () => Promise<unknown>][] = [
    ['migrate with dryRun', () => db.storage.migrate({ dryRun: true, ...GIVEN_UP })],
    ['previewRollback', () => db.storage.previewRollback({ to: SECOND, ...GIVEN_UP })],
    ['migrationStatus', () => db.storage.migrationStatus(GIVEN_UP)],
  ];
  const giveUp = async (call: () => Promise<unknown>, outcome?: 'unknown') => {
    await whileLocked(db, HELD, [], async () => {
      const error = await expectCode(call(), 'cancelled');
      expect(error.context.outcome).toBe(outcome);
      expect(error.retryable).toBe(outcome === undefined);
    });
    // Whatever was given up does not take effect afterwards.
    await expect(db.storage.migrationStatus()).resolves.toEqual(before);
  };
  let before: MigrationStatus;
  beforeAll(async () => {
    before = await db.storage.migrationStatus();
  });

  it.each(changes)('%s says that it may have taken effect', (_, call) => giveUp(call, 'unknown'));
  it.each(looks)('%s has no unknown outcome', (_, call) => giveUp(call));
});

describe('baseline()', () => {
  const db = useDatabase({ migrated: false });
  const byHand = async (schema: string, to: string) => {
    const storage = db.adapter({ schema });
    await db.query(await storage.migrationSql({ to }));
    await db.query(`DROP TABLE ${schema}.auth_migrations`);
    return storage;
  };

  it.each([FIRST, SECOND_LAST, LAST])('notes tables that were made with the SQL up to %s', async (last) => {
    const storage = await byHand(`made_${last}`, last);
    const expected = MIGRATIONS.slice(0, MIGRATIONS.indexOf(last) + 1);
    await expect(storage.baseline()).resolves.toEqual(expected);
    await expect(storage.baseline()).resolves.toEqual([]);
    await expect(storage.migrate()).resolves.toEqual({ migrations: MIGRATIONS.slice(expected.length) });
    await storage.connect();
  });

  it('rejects tables that differ, and says in what; and a schema without tables', async () => {
    const storage = await byHand('changed', LAST);
    await db.query('ALTER TABLE changed.sessions ADD COLUMN device text');
    const error = await expectCode(storage.baseline(), 'schema_mismatch');
    expect(error.message).toContain('sessions.device');
    await db.query('CREATE SCHEMA bare');
    await expectCode(db.adapter({ schema: 'bare' }).baseline(), 'schema_mismatch');
  });
});

describe('grants()', () => {
  const db = useDatabase();
  const role = `${db.name}_App "x"`;
  const quoted = `"${role.replaceAll('"', '""')}"`;

  afterAll(() =>
    asSuperuser(async (client) => {
      await client.query(`DROP DATABASE IF EXISTS ${db.name}`).catch(() => undefined);
      await client.query(`DROP ROLE IF EXISTS ${quoted}`).catch(() => undefined);
    }),
  );

  it('gives a role all that it needs for every method, and neither DDL nor TRUNCATE', async () => {
    await db.query(`CREATE ROLE ${quoted} LOGIN PASSWORD 'x'; REVOKE ALL ON SCHEMA public FROM PUBLIC`);
    for (const statement of await db.storage.grants(role)) await db.query(statement);
    const url = new URL(db.url);
    url.username = encodeURIComponent(role);
    url.password = 'x';
    const storage = db.adapter({ migrate: false }, url.href);
    await storage.connect();
    const scene = await makeScene(storage);
    for (const [method, args] of Object.entries(argumentsOf(scene))) {
      await call(storage, method, args);
    }
    await expectCode(storage.rollback({ to: null, dropData: true }), 'permission_denied', { sqlState: '42501' });
    expect(
      await db.query(
        `SELECT DISTINCT privilege_type FROM information_schema.role_table_grants WHERE grantee = $1 ORDER BY 1`,
        [role],
      ),
    ).toEqual(['DELETE', 'INSERT', 'SELECT', 'UPDATE'].map((privilege_type) => ({ privilege_type })));
  });

  it('is enough, and is what an error asks for, where PUBLIC has lost its rights', async () => {
    await db.query(`
      REVOKE ALL ON ALL TABLES IN SCHEMA public FROM ${quoted};
      REVOKE USAGE ON SCHEMA public FROM ${quoted};
      REVOKE CONNECT ON DATABASE ${db.name} FROM PUBLIC, ${quoted};
      REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM PUBLIC, ${quoted};
      REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC, ${quoted}`);
    const url = new URL(db.url);
    url.username = encodeURIComponent(role);
    url.password = 'x';
    // A call that fails for want of each kind of right once it has those before.
    const needs: [kind: RegExp, call: (storage: PostgresStorageAdapter) => Promise<unknown>][] = [
      [/CONNECT/, (storage) => storage.getUser('x')],
      [/SCHEMA/, (storage) => storage.getUser('x')],
      [/SELECT|SEQUENCE/, (storage) => storage.connect()],
      [/FUNCTION/, (storage) => storage.sweep({ kinds: ['events'] })],
    ];
    const statements = await db.storage.grants(role);
    for (const [kind, call] of needs) {
      const options = { migrate: false, retainEventsForDays: 30 };
      const error = await expectCode(call(db.adapter(options, url.href)), 'permission_denied');
      expect(error.message).toMatch(/GRANT|auth-postgres grants/);
      for (const statement of statements.filter((each) => kind.test(each))) await db.query(statement);
    }
    const storage = db.adapter({ migrate: false, retainEventsForDays: 30 }, url.href);
    await storage.connect();
    await storage.sweep({ kinds: ['events'] });
    for (const [method, args] of Object.entries(argumentsOf(await makeScene(storage))))
      await call(storage, method, args);
    // A right to the sequence that is lost alone is found by connect().
    await db.query(`REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM ${quoted}`);
    const error = await expectCode(db.adapter({ migrate: false }, url.href).connect(), 'permission_denied');
    expect(error.message).toContain('USAGE on auth_events_id_seq');
    expect(error.message).toContain(`GRANT USAGE ON ALL SEQUENCES IN SCHEMA "public" TO`);
  });

  it('names every table of the schema', async () => {
    const text = (await db.storage.grants('app')).join('\n');
    const tables = await db.query<{ name: string }>(
      `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition`,
    );
    for (const { name } of tables) expect(text).toContain(`ON "public".${name} TO "app"`);
  });

  it('rejects an empty name', () => expectInvalidInput(db.storage.grants(''), 'role'));
});
