/** rollback() needs a target, deletes rows only when told to, and deletes nothing that the application has added. */
import { CATALOGUE } from './helpers/catalogue';
import { type TestDatabase, useDatabase } from './helpers/database';
import { expectCode, expectInvalidInput } from './helpers/errors';
import { makeLegacy } from './helpers/legacy-rows';
import { LAST, MIGRATIONS } from './helpers/migrations';

describe('rollback()', () => {
  const db = useDatabase();
  // biome-ignore lint/suspicious/noExplicitAny: what TypeScript would refuse
  const rollback = (...args: any[]) => (db.storage.rollback as any)(...args) as Promise<string[]>;

  it('rejects a missing or wrong `to`, and a wrong `dropData`', async () => {
    for (const args of [[], [undefined], [{}], [{ to: undefined }], [{ dropData: true }]])
      await expectInvalidInput(rollback(...args), 'to');
    await expectInvalidInput(rollback({ to: 1 }), 'to');
    await expectInvalidInput(rollback({ to: null, dropData: 'yes' }), 'dropData');
    expect(await db.query('SELECT count(*)::int AS n FROM auth_migrations')).toEqual([{ n: MIGRATIONS.length }]);
  });

  it('rejects to delete rows without `dropData: true`, and counts them by table', async () => {
    const user = await db.storage.createUser({ email: 'a@example.com' });
    await db.storage.createUser({});
    await db.storage.createSession({ userId: user.id, expiresAt: new Date(Date.now() + 1e6) });
    const before = await db.query(CATALOGUE);
    const error = await expectInvalidInput(db.storage.rollback({ to: null }), 'dropData');
    expect(error.message).toContain('3 rows');
    expect(error.message).toContain('users 2');
    expect(error.message).toContain('sessions 1');
    expect(error.message).not.toContain('a@example.com');
    await expectInvalidInput(db.storage.rollback({ to: null, dropData: false }), 'dropData');
    expect(await db.query(CATALOGUE)).toEqual(before);
    await expect(db.storage.rollback({ to: LAST })).resolves.toEqual([]);
    await expect(db.storage.rollback({ to: null, dropData: true })).resolves.toEqual([...MIGRATIONS].reverse());
    expect(await db.query(CATALOGUE)).toEqual([]);
  });

  it('needs no `dropData` when the tables are empty', async () => {
    await db.storage.connect();
    await expect(db.storage.rollback({ to: null })).resolves.toEqual([...MIGRATIONS].reverse());
  });

  it('rejects as its target a migration that is not applied', async () => {
    await db.storage.connect();
    await db.storage.rollback({ to: '0001_initial_schema' });
    await expectCode(db.storage.rollback({ to: LAST }), 'schema_mismatch', { migration: LAST });
    await db.storage.connect();
  });
});

type Addition = [what: string, sql: string, undo: string, line: string];

const ADDITIONS: Addition[] = [
  [
    'a column with data',
    `ALTER TABLE users ADD COLUMN age int DEFAULT 7`,
    'ALTER TABLE users DROP COLUMN age',
    'users.age integer default 7',
  ],
  ['an index', 'CREATE INDEX mine ON users (name)', 'DROP INDEX mine', 'users: index mine'],
  [
    'a check',
    `ALTER TABLE users ADD CONSTRAINT mine CHECK (name <> 'x')`,
    'ALTER TABLE users DROP CONSTRAINT mine',
    'users: constraint mine',
  ],
  ['a rule', 'CREATE RULE mine AS ON DELETE TO roles DO ALSO NOTHING', 'DROP RULE mine ON roles', 'rule mine on table'],
  [
    'a trigger',
    'CREATE TRIGGER mine BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()',
    'DROP TRIGGER mine ON users',
    'users: trigger mine',
  ],
  [
    'a disabled trigger',
    'ALTER TABLE users DISABLE TRIGGER users_set_updated_at',
    'ALTER TABLE users ENABLE TRIGGER users_set_updated_at',
    'enabled: D',
  ],
  ['a policy', 'CREATE POLICY mine ON users USING (true)', 'DROP POLICY mine ON users', 'policy mine on table'],
  [
    'row level security',
    'ALTER TABLE users ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE users DISABLE ROW LEVEL SECURITY',
    'users: row level security',
  ],
  [
    'a FORCE mark',
    'ALTER TABLE users FORCE ROW LEVEL SECURITY',
    'ALTER TABLE users NO FORCE ROW LEVEL SECURITY',
    'forced row level security',
  ],
  ['a publication', 'CREATE PUBLICATION mine FOR TABLE users', 'DROP PUBLICATION mine', 'publication'],
  [
    'a replica identity',
    'ALTER TABLE users REPLICA IDENTITY FULL',
    'ALTER TABLE users REPLICA IDENTITY DEFAULT',
    'replica identity f',
  ],
  [
    'storage options',
    'ALTER TABLE users SET (fillfactor = 50)',
    'ALTER TABLE users RESET (fillfactor)',
    'storage options',
  ],
  [
    'storage options of an index',
    'ALTER INDEX users_pkey SET (fillfactor = 50)',
    'ALTER INDEX users_pkey RESET (fillfactor)',
    'the index users_pkey has storage options',
  ],
  [
    'a statistics target',
    'ALTER TABLE users ALTER name SET STATISTICS 500',
    'ALTER TABLE users ALTER name SET STATISTICS -1',
    'users.name: statistics target 500',
  ],
  [
    'a column’s storage',
    'ALTER TABLE users ALTER name SET STORAGE EXTERNAL',
    'ALTER TABLE users ALTER name SET STORAGE EXTENDED',
    'users.name: storage e',
  ],
  [
    'extended statistics',
    'CREATE STATISTICS mine ON name, plan FROM users',
    'DROP STATISTICS mine',
    'statistics object',
  ],
  [
    'a cluster mark',
    'ALTER TABLE users CLUSTER ON users_pkey',
    'ALTER TABLE users SET WITHOUT CLUSTER',
    'the cluster mark',
  ],
  [
    'a sequence',
    'CREATE SEQUENCE mine_numbers OWNED BY users.name',
    'DROP SEQUENCE mine_numbers',
    'users: owns the sequence mine_numbers',
  ],
  ['a view', 'CREATE VIEW mine_view AS SELECT id FROM users', 'DROP VIEW mine_view', 'view mine_view'],
  [
    'an object with the prefix',
    'CREATE TABLE auth_old_users (id int)',
    'DROP TABLE auth_old_users',
    'relation auth_old_users',
  ],
  [
    'a function with the prefix',
    'CREATE FUNCTION auth_old_x() RETURNS int LANGUAGE sql AS $$SELECT 1$$',
    'DROP FUNCTION auth_old_x',
    'function auth_old_x',
  ],
];

describe('a rollback', () => {
  const db = useDatabase();

  it.each(ADDITIONS)('is rejected while the application has added %s', async (_what, change, undo, line) => {
    await db.query(change);
    const before = await db.query(CATALOGUE);
    const error = await expectCode(db.storage.rollback({ to: null, dropData: true }), 'schema_mismatch');
    expect(error.message).toContain(line);
    expect(await db.query(CATALOGUE)).toEqual(before);
    await db.query(undo);
  });

  it('succeeds after the additions were removed', async () => {
    await expect(db.storage.rollback({ to: null, dropData: true })).resolves.toHaveLength(MIGRATIONS.length);
  });
});

/** Makes all additions, and removes those that the error names, until there is none left. The error names ten at a time. */
async function expectEachToBeNamed(db: TestDatabase, additions: Addition[], attempt: () => Promise<unknown>) {
  for (const [, change] of additions) await db.query(change);
  for (let left = additions; left.length > 0; ) {
    const before = await db.query(CATALOGUE);
    const error = await expectCode(attempt(), 'schema_mismatch');
    expect(await db.query(CATALOGUE)).toEqual(before);
    const named = left.filter(([, , , line]) => error.message.includes(line));
    expect({ left, named: named.length }).not.toEqual({ left, named: 0 });
    for (const [, , undo] of named) await db.query(undo);
    left = left.filter((addition) => !named.includes(addition));
  }
}

describe.each(['3.0.x', '3.1.x'] as const)('with a database of %s', (version) => {
  const db = useDatabase({ migrated: false });

  beforeAll(() => makeLegacy(db, version));

  it('a take-over is rejected until each addition of the application’s is removed', async () => {
    // The tables of 3.0.x have no trigger that could be disabled.
    const additions = ADDITIONS.filter(([what]) => version !== '3.0.x' || what !== 'a disabled trigger');
    await expectEachToBeNamed(db, additions, () => db.adapter().connect());
    await db.storage.connect();
  });

  it('a rollback is rejected until each addition of the application’s is removed', async () => {
    await expectEachToBeNamed(db, ADDITIONS, () => db.storage.rollback({ to: null, dropData: true }));
    await expect(db.storage.rollback({ to: null, dropData: true })).resolves.toHaveLength(MIGRATIONS.length);
  });
});

describe('an application’s own function named set_updated_at()', () => {
  const db = useDatabase({ migrated: false });
  const mine = `CREATE FUNCTION set_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$`;
  const source = () => db.query(`SELECT prosrc FROM pg_proc WHERE proname = 'set_updated_at'`);

  it('is kept by a take-over and by its rollback', async () => {
    await makeLegacy(db, '3.0.x');
    await db.query(mine);
    const before = await source();
    await db.storage.connect();
    expect(await source()).toEqual(before);
    await db.storage.rollback({ to: null });
    expect(await source()).toEqual(before);
  });
});

describe('tables that other sessions create during a take-over', () => {
  const db = useDatabase({ migrated: false });

  it('keep their disabled triggers', async () => {
    await makeLegacy(db, '3.0.x');
    await db.query(`
      CREATE TABLE app (id int PRIMARY KEY);
      CREATE TRIGGER mine BEFORE UPDATE ON app FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
      ALTER TABLE app DISABLE TRIGGER mine`);
    let n = 0;
    let done = false;
    const making = (async () => {
      for (; !done; n += 1)
        await db.query(`
          CREATE TABLE app_${n} (id int PRIMARY KEY);
          CREATE TRIGGER mine BEFORE UPDATE ON app_${n} FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
          ALTER TABLE app_${n} DISABLE TRIGGER mine`);
    })();
    await db.storage.connect();
    done = true;
    await making;
    expect(n).toBeGreaterThan(3);
    expect(await db.query(`SELECT DISTINCT tgenabled FROM pg_trigger WHERE tgname = 'mine'`)).toEqual([
      { tgenabled: 'D' },
    ]);
  });
});
