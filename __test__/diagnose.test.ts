/** `diagnose()`: each finding is made true on a real server, and its repair, where it is SQL, is run. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Finding } from '@kitiumai/auth-postgres';
import { Client } from 'pg';
import { startPostgres } from '../scripts/test/postgres-server.cjs';
import { CATALOGUE } from './helpers/catalogue';
import { type AdapterOptions, asSuperuser, urlOf, useDatabase } from './helpers/database';
import { expectCode, expectInvalidInput } from './helpers/errors';
import { FIRST, LAST } from './helpers/migrations';
import { Relay } from './helpers/relay';

const db = useDatabase();
const role = `${db.name}_role`;

const urlAs = (name: string) => {
  const url = new URL(db.url);
  url.username = name;
  url.password = 'x';
  return url.href;
};

beforeAll(() => db.query(`CREATE ROLE ${role} LOGIN PASSWORD 'x'`));
afterAll(() =>
  asSuperuser(async (client) => {
    await client.query(`DROP DATABASE IF EXISTS ${db.name}`).catch(() => undefined);
    await client.query(`DROP ROLE IF EXISTS ${role}`).catch(() => undefined);
  }),
);

const diagnose = (options: AdapterOptions = {}, url = db.url) => db.adapter(options, url).diagnose();
const amiss = (findings: Finding[]) => findings.filter(({ severity }) => ['warning', 'error'].includes(severity));
const byId = (findings: Finding[], id: string) => findings.filter((finding) => finding.id === id);

/** The one finding with that id. */
async function only(id: string, options?: AdapterOptions, url?: string): Promise<Finding> {
  const found = byId(await diagnose(options, url), id);
  expect(found).toHaveLength(1);
  return found[0] as Finding;
}

it('diagnose() has nothing to say of a new database, has looked at everything, and changes nothing', async () => {
  const before = await db.query(CATALOGUE);
  const findings = await db.storage.diagnose();
  expect(amiss(findings)).toEqual([]);
  expect(findings.map(({ id }) => id)).toEqual(expect.arrayContaining(['schema.drift', 'data.expired', 'secrets.log']));
  expect(findings.length).toBeGreaterThan(30);
  expect(findings.filter(({ actual }) => actual.includes('could not be'))).toEqual([]);
  expect(await db.query(CATALOGUE)).toEqual(before);
  expect(await db.query(`SELECT nspname FROM pg_namespace WHERE nspname LIKE 'auth_diagnose%'`)).toEqual([]);
});

it('diagnose() locks no table that others use', async () => {
  await withClient(async (query) => {
    await query('BEGIN; LOCK TABLE sessions IN ROW EXCLUSIVE MODE');
    expect(amiss(await db.storage.diagnose())).toEqual([]);
    await query('ROLLBACK');
  });
});

it('diagnose() says of what it could not look at that it could not, while a table is locked, and makes the other checks', async () => {
  const storage = db.adapter({ statementTimeoutMs: 300 });
  const all = (await storage.diagnose()).map(({ id }) => id);
  await withClient(async (query) => {
    await query('BEGIN; LOCK TABLE sessions, users, auth_events IN ACCESS EXCLUSIVE MODE');
    const findings = await storage.diagnose();
    expect(amiss(findings)).toEqual([]);
    expect(byId(findings, 'schema.drift')).toMatchObject([
      { severity: 'notice', actual: expect.stringContaining('could not be checked') },
    ]);
    expect(all).toEqual(expect.arrayContaining(findings.map(({ id }) => id)));
    await query('ROLLBACK');
  });
  expect(storage.stats().connections).toMatchObject({ opened: 1, idle: 1 });
  await storage.disconnect();
});

async function withClient(
  work: (query: (sql: string, parameters?: unknown[]) => Promise<unknown>) => Promise<void>,
  url = db.url,
) {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await work((sql, parameters) => client.query(sql, parameters));
  } finally {
    await client.end();
  }
}

it('diagnose() rejects where there is no server, and for options that it does not know', async () => {
  await expectCode(db.adapter({}, 'postgres://127.0.0.1:1/x').diagnose(), 'connection_failed');
  await expectInvalidInput(db.storage.diagnose({ processes: -1 }), 'processes');
  await expectInvalidInput(db.storage.diagnose({ procesess: 1 } as never), 'procesess');
});

describe('the tables', () => {
  it('that are missing are one finding each, without their columns', async () => {
    await db.query('ALTER TABLE tenant_saml_configs RENAME TO aside');
    const findings = await db.storage.diagnose();
    expect(byId(findings, 'schema.drift').map(({ title, actual }) => [title, actual])).toEqual([
      ['table tenant_saml_configs', 'missing'],
    ]);
    await db.query('ALTER TABLE aside RENAME TO tenant_saml_configs');
  });

  it('cannot be compared by a role that may create no schema, which the finding says', async () => {
    for (const statement of await db.storage.grants(role)) await db.query(statement);
    const findings = await diagnose({}, urlAs(role));
    expect(amiss(findings)).toEqual([]);
    expect(byId(findings, 'schema.drift')).toEqual([
      expect.objectContaining({ severity: 'notice', actual: expect.stringContaining('GRANT CREATE ON DATABASE') }),
    ]);
  });
});

describe('the migrations', () => {
  it.each([
    [`DELETE FROM auth_migrations WHERE id = '${LAST}'`, `pending: ${LAST}`],
    [`UPDATE auth_migrations SET checksum = 'x' WHERE id = '${FIRST}'`, FIRST],
    [`INSERT INTO auth_migrations (id, checksum, duration_ms) VALUES ('9999_newer', 'x', 0)`, '9999_newer'],
  ])('are an error after %s', async (change, actual) => {
    await db.query('CREATE TABLE kept AS SELECT id, checksum, applied_at, duration_ms FROM auth_migrations');
    await db.query(change);
    const finding = await only('schema.migrations');
    expect(finding).toMatchObject({ severity: 'error', actual: expect.stringContaining(actual) });
    await db.query(
      'DELETE FROM auth_migrations; INSERT INTO auth_migrations SELECT id, checksum, applied_at, duration_ms FROM kept; DROP TABLE kept',
    );
  });

  it('are an error where none has been applied', async () => {
    await db.query('CREATE SCHEMA bare');
    const findings = await diagnose({ schema: 'bare' });
    expect(amiss(findings)).toEqual([expect.objectContaining({ id: 'schema.migrations', severity: 'error' })]);
    await db.query('DROP SCHEMA bare');
  });
});

describe('the role', () => {
  beforeAll(async () => {
    for (const statement of await db.storage.grants(role)) await db.query(statement);
  });

  it.each([
    [`DELETE ON sessions FROM ${role}`, 'DELETE on sessions'],
    [`ALL ON ALL SEQUENCES IN SCHEMA public FROM PUBLIC, ${role}`, 'USAGE on auth_events_id_seq'],
    [
      `EXECUTE ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC, ${role}`,
      'EXECUTE on auth_drop_event_months, EXECUTE on auth_make_event_months',
    ],
  ])('lacks what was revoked, which the repair grants: %s', async (revoked, missing) => {
    await db.query(`REVOKE ${revoked}`);
    const finding = await only('rights.privileges', {}, urlAs(role));
    expect(finding).toMatchObject({ severity: 'error', actual: `missing: ${missing}` });
    await db.query(finding.repair as string);
    await expect(only('rights.privileges', {}, urlAs(role))).resolves.toMatchObject({ severity: 'ok' });
    const limited = db.adapter({ migrate: false, retainEventsForDays: 9_999 }, urlAs(role));
    await limited.emitEvent({ type: 'x', principalId: 'x', data: {}, timestamp: new Date() });
    await limited.sweep();
  });

  it('may not read the bookkeeping', async () => {
    await db.query(`REVOKE SELECT ON auth_migrations FROM ${role}`);
    const findings = await diagnose({}, urlAs(role));
    expect(byId(findings, 'rights.privileges')).toEqual([expect.objectContaining({ severity: 'error' })]);
    await db.query(`GRANT SELECT ON auth_migrations TO ${role}`);
  });

  it('sees no row, or is limited by a policy', async () => {
    await db.query('ALTER TABLE sessions ENABLE ROW LEVEL SECURITY');
    await expect(only('rights.rows', {}, urlAs(role))).resolves.toMatchObject({ severity: 'error' });
    await db.query(`CREATE POLICY mine ON sessions TO ${role} USING (true)`);
    await expect(only('rights.rows', {}, urlAs(role))).resolves.toMatchObject({ severity: 'notice' });
    await db.query('DROP POLICY mine ON sessions; ALTER TABLE sessions DISABLE ROW LEVEL SECURITY');
    await expect(only('connection.role', {}, urlAs(role))).resolves.toMatchObject({ severity: 'ok' });
    await expect(only('connection.role')).resolves.toMatchObject({ severity: 'notice' });
  });

  it.each([
    ['idle_session_timeout = 1000', 'server.timeouts', 14],
    ['transaction_timeout = 1000', 'server.timeouts', 17],
    ['lock_timeout = 10', 'server.timeouts', 12],
    ['default_transaction_read_only = on', 'server.writes', 12],
    ['session_replication_role = replica', 'server.triggers', 12],
  ])('has the setting %s', async (setting, id, since) => {
    const [{ version }] = (await db.query(`SELECT current_setting('server_version_num')::int / 10000 AS version`)) as [
      { version: number },
    ];
    if (version < since) return;
    await db.query(`ALTER ROLE ${role} SET ${setting}`);
    const finding = await only(id, {}, urlAs(role));
    expect(['warning', 'error']).toContain(finding.severity);
    await db.query(`ALTER ROLE ${role} RESET ${setting.split(' ')[0]}`);
    await expect(only(id, {}, urlAs(role))).resolves.toMatchObject({ severity: 'ok' });
  });

  it('may lose what was committed, since the server that tests use is made for speed', async () => {
    await expect(only('server.durability')).resolves.toMatchObject({
      severity: 'notice',
      actual: expect.stringContaining('fsync is off'),
    });
  });

  it('has too few connections for max and the number of processes', async () => {
    await db.query(`ALTER ROLE ${role} CONNECTION LIMIT 40`);
    const storage = db.adapter({ max: 30 }, urlAs(role));
    const of = (findings: Finding[]) => byId(findings, 'server.connections')[0];
    expect(of(await storage.diagnose({ processes: 1 }))).toMatchObject({ severity: 'ok' });
    const finding = of(await storage.diagnose({ processes: 2 }));
    expect(finding).toMatchObject({ severity: 'warning', repair: expect.stringContaining('`max` to 20') });
    await db.query(`ALTER ROLE ${role} CONNECTION LIMIT -1`);
    expect(of(await db.adapter({ max: 100 }).diagnose({ processes: 100 }))).toMatchObject({ severity: 'warning' });
  });
});

describe('the schema', () => {
  it('has parts that lead into another one', async () => {
    await db.query('CREATE SCHEMA other; ALTER FUNCTION auth_sync_oauth_accounts() SET SCHEMA other');
    const findings = await db.storage.diagnose();
    expect(byId(findings, 'schema.references')).toEqual([expect.objectContaining({ severity: 'error' })]);
    await db.query('ALTER FUNCTION other.auth_sync_oauth_accounts() SET SCHEMA public; DROP SCHEMA other');
  });

  it('lacks a column that statements use, or one that may not be read', async () => {
    await db.query('ALTER TABLE users RENAME COLUMN picture TO image');
    await expect(only('schema.columns')).resolves.toMatchObject({
      severity: 'error',
      actual: expect.stringContaining('users.picture'),
    });
    await db.query('ALTER TABLE users RENAME COLUMN image TO picture');
  });

  it('has an index of version 3.x, which the repair drops', async () => {
    await db.query('CREATE INDEX idx_users_email ON users (email)');
    const finding = await only('schema.old-indexes');
    expect(finding).toMatchObject({ severity: 'warning', actual: expect.stringContaining('idx_users_email') });
    await db.query((finding.repair as string).replace(/.*, and run /, ''));
    await expect(only('schema.old-indexes')).resolves.toMatchObject({ severity: 'ok' });
  });
});

describe('the database', () => {
  it('has another encoding than UTF8', async () => {
    const name = `${db.name}_ascii`;
    const plain = `CREATE DATABASE ${name} ENCODING SQL_ASCII LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`;
    await asSuperuser((client) =>
      // Providers came with PostgreSQL 15.
      client.query(`${plain} LOCALE_PROVIDER libc`).catch(() => client.query(plain)),
    );
    const storage = db.adapter({}, urlOf(name));
    const findings = await storage.diagnose();
    expect(byId(findings, 'database.encoding')).toEqual([
      expect.objectContaining({ severity: 'error', actual: 'SQL_ASCII' }),
    ]);
    await storage.disconnect();
    await asSuperuser((client) => client.query(`DROP DATABASE ${name}`));
  });
});

describe('the server', () => {
  it('is a standby, which takes no writes', async () => {
    const primary = await startPostgres();
    let standby: Awaited<ReturnType<typeof startPostgres>> | undefined;
    try {
      const storage = db.adapter({}, primary.url);
      await storage.connect();
      await storage.disconnect();
      await primary.control('stop fast');
      standby = await startPostgres({ standbyOf: primary });
      await primary.control('start');
      const findings = await diagnose({}, standby.url);
      expect(byId(findings, 'server.primary')).toEqual([expect.objectContaining({ severity: 'error' })]);
      expect(byId(findings, 'schema.migrations')).toEqual([expect.objectContaining({ severity: 'ok' })]);
      expect(byId(findings, 'schema.drift')).toEqual([
        expect.objectContaining({ severity: 'notice', actual: expect.stringContaining('takes no writes') }),
      ]);
    } finally {
      await standby?.stop();
      await primary.stop();
    }
  }, 60_000);

  it('is far away', async () => {
    const relay = await Relay.start(db.url);
    relay.delay(15);
    await expect(only('connection.latency', {}, relay.url)).resolves.toMatchObject({ severity: 'warning' });
    await relay.close();
  });

  it('logs the parameters of statements, of which the finding knows whatever setting does it', async () => {
    const server = await startPostgres();
    /** Settings, and the version of the server since which there are such. */
    const settings: [lines: string[], since: number][] = [
      [[], 12],
      [[`log_statement = 'ddl'`], 12],
      [[`log_statement = 'mod'`], 12],
      [[`log_statement = 'all'`], 12],
      [['log_duration = on'], 12],
      [['log_min_duration_statement = 0'], 12],
      [['log_transaction_sample_rate = 1'], 12],
      [[`session_preload_libraries = 'auto_explain'`, 'auto_explain.log_min_duration = 0'], 12],
      [['log_min_duration_sample = 0', 'log_statement_sample_rate = 1'], 13],
      [['log_min_duration_sample = 0', 'log_statement_sample_rate = 0'], 13],
      [['log_parameter_max_length_on_error = -1'], 13],
      [[`log_statement = 'all'`, 'log_transaction_sample_rate = 1', 'log_parameter_max_length = 0'], 13],
    ];
    try {
      const storage = db.adapter({}, server.url);
      await storage.connect();
      await storage.disconnect();
      const [{ version }] = await db.query(`SELECT current_setting('server_version_num')::int / 10000 AS version`);
      for (const [lines, since] of settings) {
        if (version < since) continue;
        const secret = randomUUID();
        await withClient(async (query) => {
          for (const line of lines) await query(`ALTER DATABASE postgres SET ${line}`);
        }, server.url);
        await withClient(async (query) => {
          await query('UPDATE users SET name = $1 WHERE id = $1', [secret]);
          await query('SELECT 1 / (length($1) - 36)', [secret]).catch(() => undefined);
        }, server.url);
        const finding = await only('secrets.log', {}, server.url);
        const isLogged = readFileSync(join(server.directory, 'postgres.log'), 'utf8').includes(secret);
        expect({ lines, isFound: finding.severity === 'warning' }).toEqual({ lines, isFound: isLogged });
        await withClient(async (query) => {
          await query('ALTER DATABASE postgres RESET ALL');
        }, server.url);
      }
    } finally {
      await server.stop();
    }
  }, 60_000);

  it('has another version of the collation than the indexes were built with', async () => {
    const [row] = await db.query(
      `SELECT to_jsonb(d) ->> 'datcollversion' AS version FROM pg_database d WHERE datname = $1`,
      [db.name],
    );
    if (!row?.version) return;
    await db.query(`UPDATE pg_database SET datcollversion = '1' WHERE datname = '${db.name}'`);
    await expect(only('database.collation')).resolves.toMatchObject({ severity: 'warning' });
    await db.query(`UPDATE pg_database SET datcollversion = $1 WHERE datname = $2`, [row.version, db.name]);
  });
});

describe('the rows', () => {
  const fill = `
    INSERT INTO users (id) VALUES ('many') ON CONFLICT DO NOTHING;
    INSERT INTO sessions (id, user_id, expires_at, metadata)
    SELECT 'many-' || n, 'many', now() - interval '1 hour', jsonb_build_object('padding', repeat('x', 500))
      FROM generate_series(1, 30000) n`;
  const clear = 'TRUNCATE sessions; ANALYZE sessions';

  beforeAll(() => db.query('ALTER TABLE sessions SET (autovacuum_enabled = off)'));

  /** The statistics of a session reach the others a moment later. */
  async function eventually(id: string, severity: string): Promise<Finding> {
    for (let attempt = 0; ; attempt++) {
      const finding = await only(id);
      if (finding.severity === severity || attempt > 50) {
        expect(finding).toMatchObject({ severity });
        return finding;
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  it('have changed since statistics were made, have expired, are dead, and leave bloat', async () => {
    await db.query(clear);
    await db.query(fill);
    const stale = await eventually('tables.statistics', 'warning');
    expect(stale.actual).toContain('sessions: ');
    await db.query(stale.repair as string);
    await eventually('tables.statistics', 'ok');
    await expect(only('data.expired')).resolves.toMatchObject({
      severity: 'warning',
      actual: expect.stringContaining('sessions about 30000 (100 %)'),
    });
    await db.query(`DELETE FROM sessions WHERE id <> 'many-30000'`);
    const dead = await eventually('tables.dead-rows', 'warning');
    await db.query(dead.repair as string);
    await eventually('tables.dead-rows', 'ok');
    await db.query('ANALYZE sessions');
    const bloat = await eventually('tables.bloat', 'warning');
    await db.query((bloat.repair as string).replace(/ while .*/, ''));
    await db.query('ANALYZE sessions');
    await eventually('tables.bloat', 'ok');
    await db.query(clear);
    await db.query((await only('tables.autovacuum')).repair as string);
    await expect(only('tables.autovacuum')).resolves.toMatchObject({ severity: 'ok' });
  });

  it('are not vacuumed where the database has no counts of their changes', async () => {
    await db.query(`ALTER DATABASE ${db.name} SET track_counts = off`);
    const off = await only('tables.autovacuum');
    expect(off).toMatchObject({ severity: 'warning', actual: 'track_counts is off' });
    await db.query(off.repair as string);
    await expect(only('tables.autovacuum')).resolves.toMatchObject({ severity: 'ok' });
  });

  it('have an index that is not valid, which the repair builds', async () => {
    await db.query(`UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'user_roles_role_id_idx'::regclass`);
    const finding = await only('tables.indexes');
    expect(finding).toMatchObject({ severity: 'warning', actual: 'user_roles_role_id_idx' });
    await db.query(finding.repair as string);
    await expect(only('tables.indexes')).resolves.toMatchObject({ severity: 'ok' });
  });

  it('are audit events, of which the oldest is named', async () => {
    await db.storage.emitEvent({ type: 'x', principalId: 'x', data: {}, timestamp: new Date('2020-01-02T03:04:05Z') });
    const finding = await only('data.events');
    expect(finding).toMatchObject({ severity: 'ok', actual: expect.stringContaining('2020-01-02 03:04') });
  });

  it('hold secrets that nobody has hashed', async () => {
    const { id } = await db.storage.createUser({});
    await db.storage.setPasswordHash(id, 'correct horse');
    await db.storage.createBackupCodes(id, ['12345678']);
    await db.storage.createApiKey({ principalId: id, hash: 'api_x', prefix: 'api', lastFour: 'i_x1', scopes: [] });
    const code = { email: 'a@example.com', code: '123456', codeHash: '123456', type: 'login_link' as const };
    await db.storage.createEmailVerificationToken({ ...code, expiresAt: new Date(Date.now() + 1e6) });
    await db.storage.createTwoFactorDevice({ userId: id, method: 'totp', secret: 'JBSWY3DP' });
    const findings = await db.storage.diagnose();
    expect(amiss(findings).map((finding) => finding.id)).toEqual([
      'secrets.passwords',
      'secrets.backup-codes',
      'secrets.tokens',
      'secrets.api-keys',
    ]);
    expect(byId(findings, 'secrets.at-rest')).toEqual([expect.objectContaining({ severity: 'notice' })]);
    await db.storage.deleteUser(id);
    await db.query('DELETE FROM email_verification_tokens');
  });
});
