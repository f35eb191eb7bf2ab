/** With `pooler: 'transaction'`, PgBouncer may use another server process for each transaction; every answer is right. */
import { randomUUID } from 'node:crypto';
import type { InternalError, PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { Client } from 'pg';
import { startPostgres } from '../../scripts/test/postgres-server.cjs';
import { type AdapterOptions, useDatabase } from '../helpers/database';
import { expectCode } from '../helpers/errors';
import { until } from '../helpers/failing';
import { organizationInput, roleInput, sessionInput, userInput } from '../helpers/fixtures';
import { type PgBouncer, startPgBouncer, startStrangers } from '../helpers/pgbouncer';

const SERVERS = 3;
const CLIENTS = 32;

const db = useDatabase({ migrated: false });

const start = (settings: Record<string, string>) =>
  startPgBouncer(db.url, { default_pool_size: String(SERVERS), max_client_conn: '200', ...settings });

describe.each(['transaction', 'session'])('the adapter behind a PgBouncer in %s mode', (mode) => {
  let pgbouncer: PgBouncer;
  let storage: PostgresStorageAdapter;

  const through = (options: AdapterOptions = {}) => db.adapter({ pooler: 'transaction', ...options }, pgbouncer.url);

  beforeAll(async () => {
    pgbouncer = await start({ pool_mode: mode });
    // In session mode a client keeps its server for as long as it is connected.
    storage = through({ max: mode === 'session' ? SERVERS : CLIENTS });
    await storage.connect();
  });
  afterAll(async () => {
    await storage.disconnect();
    await pgbouncer.stop();
  });

  it('migrates, writes and reads', async () => {
    const user = await storage.createUser(userInput());
    const organization = await storage.createOrganization(organizationInput());
    const role = await storage.createRole(roleInput(organization.id));
    await storage.assignRoleToUser(user.id, role.id, organization.id);
    expect(await storage.getUserRoles(user.id, organization.id)).toStrictEqual([role]);
    const codes = await storage.createBackupCodes(user.id, ['a', 'b']);
    expect(await storage.getBackupCodes(user.id)).toStrictEqual(codes);
    expect(await storage.healthCheck()).toMatchObject({ status: 'ok', pendingMigrations: [] });
  });

  it('answers 4 000 interleaved calls with their own values', async () => {
    const users = await Promise.all(Array.from({ length: 48 }, () => storage.createUser(userInput())));
    const sessions = await Promise.all(users.map(({ id }) => storage.createSession(sessionInput(id))));
    const organization = await storage.createOrganization(organizationInput());
    const role = await storage.createRole(roleInput(organization.id));
    const tokens = await Promise.all(
      users.map(({ id, email }) =>
        storage.createEmailVerificationToken({
          ...{ email: email ?? `${id}@example.com`, userId: id, code: id, codeHash: id, type: 'login_link' },
          expiresAt: new Date(Date.now() + 3_600_000),
        }),
      ),
    );
    const increments = new Array<number>(users.length).fill(0);
    const updates = new Array<number>(users.length).fill(0);

    const calls = 4_000;
    const client = async (first: number) => {
      for (let call = first; call < calls; call += CLIENTS) {
        const at = (call * 7) % users.length;
        const user = users[at] as (typeof users)[number];
        switch (call % 8) {
          case 0:
            expect(await storage.getUser(user.id)).toMatchObject({ id: user.id, email: user.email });
            break;
          case 1:
            expect(await storage.getSession((sessions[at] as { id: string }).id)).toStrictEqual(sessions[at]);
            break;
          case 2:
            expect(await storage.getUserByEmail(user.email as string)).toMatchObject({ id: user.id });
            break;
          case 3:
            expect(await storage.getRole(role.id)).toStrictEqual(role);
            break;
          case 4:
            increments[at] = (increments[at] as number) + 1;
            await storage.incrementEmailVerificationTokenAttempts((tokens[at] as { id: string }).id);
            break;
          case 5: {
            const created = await storage.createUser({ name: `user ${call}`, metadata: { call } });
            expect(await storage.getUser(created.id)).toStrictEqual(created);
            break;
          }
          case 6:
            updates[at] = (updates[at] as number) + 1;
            expect(await storage.updateUser(user.id, { name: `name ${at}` })).toMatchObject({
              id: user.id,
              name: `name ${at}`,
            });
            break;
          default:
            await storage.emitEvent({ type: 'seen', principalId: user.id, data: { call }, timestamp: new Date() });
        }
      }
    };
    const endStrangers = startStrangers(pgbouncer.url, mode === 'session' ? 0 : 2);
    await Promise.all(Array.from({ length: CLIENTS }, (_, first) => client(first)));
    await endStrangers();

    for (const [at, token] of tokens.entries()) {
      expect(await storage.getEmailVerificationTokenAttempts(token.id)).toBe(increments[at]);
    }
    const [{ count }] = await db.query(`SELECT count(*)::int FROM auth_events WHERE type = 'seen'`);
    expect(count).toBe(calls / 8);
    await db.query('TRUNCATE auth_events');
  });

  it('leaves no named statement on the servers', async () => {
    const names = await db.query(
      'SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
    );
    expect(names.length).toBeGreaterThan(0);
    const other = new Client({ connectionString: pgbouncer.url });
    await storage.disconnect();
    await other.connect();
    for (let look = 0; look < 10; look++) {
      const { rows } = await other.query('SELECT name FROM pg_prepared_statements WHERE name <> $$$$');
      expect(rows).toEqual([]);
    }
    await other.end();
    await storage.connect();
  });

  it('applies the statement timeout and the lock timeout in each transaction', async () => {
    const limited = through({ statementTimeoutMs: 200, maxRetries: 0, max: 1 });
    const { id } = await limited.createUser({});
    const locker = new Client({ connectionString: db.url });
    await locker.connect();
    await locker.query('BEGIN');
    await locker.query('SELECT 1 FROM users WHERE id = $1 FOR UPDATE', [id]);
    await expectCode(limited.updateUser(id, { name: 'a' }), 'statement_timeout');
    const impatient = through({ lock_timeout: 100, maxRetries: 0, max: 1 });
    await expectCode(impatient.updateUser(id, { name: 'a' }), 'lock_timeout');
    await locker.end();
    await expect(limited.updateUser(id, { name: 'a' })).resolves.toMatchObject({ name: 'a' });
    await Promise.all([limited.disconnect(), impatient.disconnect()]);
  });

  it('can use its connection after an error in a transaction', async () => {
    const one = through({ max: 1 });
    const { id } = await one.createUser({});
    await expectCode(one.createUser({ id }), 'conflict');
    await expect(one.getUser(id)).resolves.toMatchObject({ id });
    await one.disconnect();
  });

  it('cancels a timed-out call on the server, and can use its connection again', async () => {
    const one = through({ max: 1, maxRetries: 0 });
    const { id } = await one.createUser({});
    const locker = new Client({ connectionString: db.url });
    await locker.connect();
    await locker.query('BEGIN');
    await locker.query('SELECT 1 FROM users WHERE id = $1 FOR UPDATE', [id]);
    await expectCode(one.updateUser(id, { name: 'a' }, { timeoutMs: 200 }), 'cancelled', { outcome: 'unknown' });
    await expect(one.getUser(id)).resolves.toMatchObject({ id });
    expect(
      await db.query(`SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`),
    ).toEqual([]);
    await locker.end();
    await one.disconnect();
  });

  it('migrates a schema of its own, and rolls it back', async () => {
    const schema = `pooled_${mode}`;
    const own = through({ schema, max: 1 });
    await own.connect();
    const { id } = await own.createUser({});
    expect(await db.query(`SELECT id FROM ${schema}.users`)).toEqual([{ id }]);
    await own.rollback({ to: null, dropData: true });
    expect(await db.query('SELECT tablename FROM pg_tables WHERE schemaname = $1', [schema])).toEqual([]);
    await own.disconnect();
  });
});

it('connect() and calls reject a PgBouncer in statement mode, because that has no transactions', async () => {
  const pgbouncer = await start({ pool_mode: 'statement' });
  const storage = db.adapter({ pooler: 'transaction' }, pgbouncer.url);
  try {
    for (const call of [storage.connect(), storage.createUser({})]) {
      const error = await expectCode(call, 'connection_failed');
      expect(error.message).toContain('pool_mode must be transaction');
      expect(error.retryable).toBe(false);
    }
  } finally {
    await storage.disconnect();
    await pgbouncer.stop();
  }
});

it('a call is rejected with pool_timeout when all servers of the pooler are in use', async () => {
  const pgbouncer = await start({ pool_mode: 'transaction', default_pool_size: '1' });
  const holder = new Client({ connectionString: pgbouncer.url });
  await holder.connect();
  await holder.query('BEGIN');
  const storage = db.adapter({ pooler: 'transaction', connectionTimeoutMillis: 2_000, maxRetries: 0 }, pgbouncer.url);
  try {
    await expectCode(storage.createUser({ id: randomUUID() }), 'pool_timeout');
    await holder.query('ROLLBACK');
    await expect(storage.createUser({})).resolves.toBeDefined();
  } finally {
    await holder.end();
    await storage.disconnect();
    await pgbouncer.stop();
  }
});

it('calls are retryable while the server behind the pooler is down, and succeed when it is back', async () => {
  const server = await startPostgres();
  const pgbouncer = await startPgBouncer(server.url, { pool_mode: 'transaction', server_login_retry: '1' });
  const options = { pooler: 'transaction', connectionTimeoutMillis: 2_000, maxRetries: 0 } as const;
  const fresh = db.adapter(options, pgbouncer.url);
  const used = db.adapter(options, pgbouncer.url);
  try {
    await used.connect();
    await server.control('stop fast');
    // The first call discovers that the server is down; PgBouncer tells the second at once.
    for (const call of [() => used.getUser('x'), () => used.getUser('x'), () => fresh.connect()]) {
      const error = await call().then(
        () => undefined,
        (reason) => reason as InternalError,
      );
      expect(['auth_postgres/connection_failed', 'auth_postgres/pool_timeout']).toContain(error?.code);
      expect(error?.retryable).toBe(true);
      expect(error?.message).not.toContain('pool_mode');
    }
    await server.control('start');
    for (const adapter of [used, fresh]) {
      await until(() =>
        adapter.connect().then(
          () => true,
          () => false,
        ),
      );
    }
  } finally {
    await Promise.all([used.disconnect(), fresh.disconnect()]);
    await pgbouncer.stop();
    await server.stop();
  }
});
