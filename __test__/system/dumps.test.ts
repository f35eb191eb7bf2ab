/** What pg_dump writes of our tables can be restored: all of it, the data alone, and a schema beside its original. */
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { Client } from 'pg';
import { type PostgresServer, startPostgres } from '../../scripts/test/postgres-server.cjs';
import { makeScene, type Scene } from '../helpers/every-method';
import { memberInput } from '../helpers/fixtures';

const run = promisify(execFile);
const VERSIONS = '/usr/lib/postgresql';
const OWNER = 'dump_owner';

describe.each(readdirSync(VERSIONS))('PostgreSQL %s', (version) => {
  const binaries = join(VERSIONS, version, 'bin');
  let server: PostgresServer;
  let scene: Scene;
  let databases = 0;
  const adapters: PostgresStorageAdapter[] = [];

  beforeAll(async () => {
    server = await startPostgres({ binaries });
    await query('postgres', `CREATE ROLE ${OWNER} LOGIN PASSWORD 'x'`);
    await query('postgres', `CREATE DATABASE source OWNER ${OWNER}`);
    const storage = await connected(owned('source'));
    scene = await makeScene(storage);
    const others = await Promise.all(['a', 'b'].map((id) => storage.createUser({ id, email: `${id}@example.com` })));
    await storage.linkOAuthAccount('a', 'github', { provider: 'github', sub: 'a' });
    const members = [scene.userId, ...others.map(({ id }) => id)].map((id) => memberInput(id));
    await storage.updateOrganization(scene.orgId, { seats: 5, members });
    await storage.setPasswordHash(scene.userId, 'hash');
    await storage.incrementEmailVerificationTokenAttempts(scene.tokenId);
    await storage.assignRoleToUser(scene.userId, scene.roleId, scene.orgId);
    await storage.emitEvent({ type: 'login', principalId: 'a', data: {}, timestamp: new Date() });
    await storage.useTwoFactorStep(scene.deviceId, 1);
    await storage.sweep();
    const empty = Object.entries(await contents('source')).filter(([, rows]) => rows.length === 0);
    expect(empty).toEqual([]);
  });

  afterAll(async () => {
    await Promise.all(adapters.map((each) => each.disconnect()));
    await server?.stop();
  });

  const urlOf = (database: string) => Object.assign(new URL(server.url), { pathname: `/${database}` });
  const superuser = (database: string) => urlOf(database).href;
  const owned = (database: string) => Object.assign(urlOf(database), { username: OWNER, password: 'x' }).href;
  const program = (name: string, args: string[]) => run(join(binaries, name), args, { maxBuffer: 1 << 26 });

  async function query(database: string, sql: string) {
    const client = new Client({ connectionString: superuser(database) });
    await client.connect();
    try {
      return (await client.query(sql)).rows;
    } finally {
      await client.end();
    }
  }

  async function connected(url: string, schema?: string) {
    const storage = new PostgresStorageAdapter(url, { schema });
    adapters.push(storage);
    await storage.connect();
    return storage;
  }

  /** Every row of every table of ours, but for the bookkeeping, whose times are those of the migrations. */
  async function contents(database: string, schema = 'public'): Promise<Record<string, string[]>> {
    const tables = await query(
      database,
      `SELECT c.relname FROM pg_class c
        WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = '${schema}'::regnamespace AND c.relname <> 'auth_migrations'`,
    );
    const rows: Record<string, string[]> = {};
    for (const { relname } of tables) {
      const found = await query(database, `SELECT t::text AS row FROM ${schema}.${relname} t ORDER BY 1`);
      rows[relname] = found.map(({ row }) => row);
    }
    return rows;
  }

  async function emptyDatabase(): Promise<string> {
    databases += 1;
    await query('postgres', `CREATE DATABASE target_${databases} OWNER ${OWNER}`);
    return `target_${databases}`;
  }

  async function migratedDatabase(): Promise<string> {
    const name = await emptyDatabase();
    await (await connected(owned(name))).disconnect();
    return name;
  }

  const file = (name: string) => join(server.directory, name);

  /** Has the rows of the source, and triggers and foreign keys that act on them. */
  async function expectAlive(database: string): Promise<void> {
    expect(await contents(database)).toEqual(await contents('source'));
    const storage = await connected(owned(database));
    await storage.deleteUser('b');
    const organization = await storage.getOrganization(scene.orgId);
    expect(organization?.members.map(({ userId }) => userId)).toEqual([scene.userId, 'a']);
    await storage.emitEvent({ type: 'login', principalId: 'a', data: {}, timestamp: new Date() });
    await expect(
      storage.linkOAuthAccount(scene.userId, 'github', { provider: 'github', sub: 'a' }),
    ).rejects.toMatchObject({ code: 'auth_postgres/conflict' });
    await expect(
      storage.createOrganization({ name: 'x', plan: 'x', seats: 1, members: [memberInput('nobody')] }),
    ).rejects.toMatchObject({ code: 'auth_postgres/invalid_reference' });
    await storage.deleteOrganization(scene.orgId);
    const left = await contents(database);
    expect([left.organization_members, left.roles, left.user_roles]).toEqual([[], [], []]);
  }

  it('the data alone, as SQL, goes into a migrated database as its owner', async () => {
    const target = await migratedDatabase();
    await program('pg_dump', ['--data-only', `--file=${file('data.sql')}`, owned('source')]);
    await program('psql', ['-X', '-q', '-1', '-v', 'ON_ERROR_STOP=1', '-f', file('data.sql'), owned(target)]);
    await expectAlive(target);
  });

  it('the data alone, as INSERTs, a table at a time', async () => {
    const target = await migratedDatabase();
    await program('pg_dump', ['--data-only', '--inserts', `--file=${file('inserts.sql')}`, owned('source')]);
    await program('psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', file('inserts.sql'), owned(target)]);
    await expectAlive(target);
  });

  it('the data alone, from an archive, by pg_restore', async () => {
    const target = await migratedDatabase();
    await program('pg_dump', ['--data-only', '-Fc', `--file=${file('data.dump')}`, owned('source')]);
    await program('pg_restore', ['--data-only', '--exit-on-error', '-d', owned(target), file('data.dump')]);
    await expectAlive(target);
  });

  it('the data alone, without triggers, as superuser', async () => {
    const target = await migratedDatabase();
    // The bookkeeping is there, and without triggers nothing tells equal rows apart.
    const options = ['--data-only', '--disable-triggers', '--exclude-table=*.auth_migrations'];
    await program('pg_dump', [...options, `--file=${file('bare.sql')}`, superuser('source')]);
    await program('psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', file('bare.sql'), superuser(target)]);
    await expectAlive(target);
  });

  it('the data of months that the target has not, through the table that they are parts of', async () => {
    const source = await emptyDatabase();
    const storage = await connected(owned(source));
    await query(
      source,
      `ALTER TABLE auth_events DETACH PARTITION auth_events_past;
       ALTER TABLE auth_events ATTACH PARTITION auth_events_past FOR VALUES FROM (MINVALUE) TO ('2001-01-01');
       CREATE TABLE auth_events_2001_01 PARTITION OF auth_events FOR VALUES FROM ('2001-01-01') TO (date_trunc('month', now()));
       ALTER TABLE auth_events_2001_01 OWNER TO ${OWNER}`,
    );
    await storage.emitEvent({ type: 'old', principalId: 'a', data: {}, timestamp: new Date('2001-01-02') });
    const target = await migratedDatabase();
    const options = ['--data-only', '--load-via-partition-root'];
    await program('pg_dump', [...options, `--file=${file('root.sql')}`, owned(source)]);
    await program('psql', ['-X', '-q', '-1', '-v', 'ON_ERROR_STOP=1', '-f', file('root.sql'), owned(target)]);
    expect(await query(target, 'SELECT type, tableoid::regclass::text AS place FROM auth_events')).toEqual([
      { type: 'old', place: 'auth_events_past' },
    ]);
  });

  it('all of it goes into an empty database', async () => {
    const target = await emptyDatabase();
    await program('pg_dump', [`--file=${file('all.sql')}`, owned('source')]);
    await program('psql', ['-X', '-q', '-1', '-v', 'ON_ERROR_STOP=1', '-f', file('all.sql'), superuser(target)]);
    await expectAlive(target);
  });

  it('all of it, from an archive, by several connections', async () => {
    const target = await emptyDatabase();
    await program('pg_dump', ['-Fc', `--file=${file('all.dump')}`, owned('source')]);
    await program('pg_restore', ['-j', '2', '--exit-on-error', '-d', superuser(target), file('all.dump')]);
    await expectAlive(target);
  });

  it('a schema is restored beside its original, and both serve', async () => {
    const database = await emptyDatabase();
    const before = await connected(owned(database), 'live');
    await before.createUser({ id: 'first', email: 'first@example.com' });
    await before.createOrganization({ id: 'o', name: 'O', plan: 'p', seats: 5, members: [memberInput('first')] });
    await before.disconnect();
    await program('pg_dump', ['-n', 'live', `--file=${file('schema.sql')}`, owned(database)]);
    await query(database, 'ALTER SCHEMA live RENAME TO staging');
    await program('psql', ['-X', '-q', '-1', '-v', 'ON_ERROR_STOP=1', '-f', file('schema.sql'), owned(database)]);

    const live = await connected(owned(database), 'live');
    const staging = await connected(owned(database), 'staging');
    expect(await contents(database, 'live')).toEqual(await contents(database, 'staging'));
    for (const [storage, id] of [[live, 'in live'] as const, [staging, 'in staging'] as const]) {
      await storage.createUser({ id });
      await storage.linkOAuthAccount(id, 'google', { provider: 'google', sub: 'the same' });
      await storage.updateOrganization('o', { members: [memberInput('first'), memberInput(id)] });
    }
    await staging.deleteUser('first');
    const members = async (storage: PostgresStorageAdapter) =>
      (await storage.getOrganization('o'))?.members.map(({ userId }) => userId);
    expect(await members(live)).toEqual(['first', 'in live']);
    expect(await members(staging)).toEqual(['in staging']);
    const rows = async (schema: string) => {
      const { organization_members, user_oauth_accounts } = await contents(database, schema);
      return { organization_members, user_oauth_accounts };
    };
    expect(await rows('live')).toEqual({
      organization_members: ['(o,"in live")', '(o,first)'],
      user_oauth_accounts: ['(google,"the same","in live")'],
    });
    expect(await rows('staging')).toEqual({
      organization_members: ['(o,"in staging")'],
      user_oauth_accounts: ['(google,"the same","in staging")'],
    });
  });
});
