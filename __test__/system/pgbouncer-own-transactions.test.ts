/** `transaction` through PgBouncer: each has one server process of the pooler from `BEGIN` to `COMMIT`. */
import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { type AdapterOptions, useDatabase } from '../helpers/database';
import { expectCode, rejection } from '../helpers/errors';
import { until, whileLocked } from '../helpers/failing';
import { sessionInput, unique, userInput } from '../helpers/fixtures';
import { type PgBouncer, startPgBouncer, startStrangers } from '../helpers/pgbouncer';

const SERVERS = 4;
const CLIENTS = 16;

const db = useDatabase();
const never = () => new Promise<never>(() => undefined);
let pgbouncer: PgBouncer;
let storage: PostgresStorageAdapter;

const through = (options: AdapterOptions = {}) => db.adapter({ pooler: 'transaction', ...options }, pgbouncer.url);

beforeAll(async () => {
  const settings = { pool_mode: 'transaction', default_pool_size: String(SERVERS), max_client_conn: '200' };
  pgbouncer = await startPgBouncer(db.url, settings);
  storage = through({ max: CLIENTS });
  await storage.connect();
});
afterAll(async () => {
  await storage.disconnect();
  await pgbouncer.stop();
});

/** No server process is in a transaction, except the one that looks. */
const isAtRest = async () =>
  (
    await db.query(
      `SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND state NOT IN ('idle', 'disabled')`,
    )
  ).length === 0;

it('256 transactions beside other clients take effect each for itself, or not at all', async () => {
  const endStrangers = startStrangers(pgbouncer.url, 2);
  const undo = new Error('undo');
  const ids = Array.from({ length: 256 }, () => unique('pooled'));
  const outcomes = await Promise.allSettled(
    ids.map((id, at) =>
      storage.transaction(async (tx) => {
        const user = await tx.createUser(userInput({ id }));
        const [session, codes] = await Promise.all([
          tx.createSession(sessionInput(id)),
          tx.createBackupCodes(id, ['a', 'b']),
        ]);
        expect(await tx.getUser(id)).toStrictEqual(user);
        expect(await tx.getSession(session.id)).toStrictEqual(session);
        expect(await tx.getBackupCodes(id)).toStrictEqual(codes);
        if (at % 5 === 0) throw undo;
        return id;
      }),
    ),
  );
  await endStrangers();
  outcomes.forEach((outcome, at) => {
    expect(outcome).toEqual(
      at % 5 === 0 ? { status: 'rejected', reason: undo } : { status: 'fulfilled', value: ids[at] },
    );
  });
  const rows = await db.query(
    `SELECT id FROM users AS u
      WHERE id = ANY($1)
        AND (SELECT count(*) FROM sessions WHERE user_id = u.id) = 1
        AND (SELECT count(*) FROM twofa_backup_codes WHERE user_id = u.id) = 2`,
    [ids],
  );
  expect(rows.map(({ id }) => id).sort()).toEqual(ids.filter((_, at) => at % 5 !== 0).sort());
  await until(isAtRest);
});

it('the isolation level, readOnly and our settings hold', async () => {
  const limited = through({ statementTimeoutMs: 200, maxRetries: 0 });
  const { id } = await storage.createUser({ name: 'old' });
  await limited.transaction(
    async (tx) => {
      await tx.getUser(id);
      await storage.updateUser(id, { name: 'new' });
      expect(await tx.getUser(id)).toMatchObject({ name: 'old' });
    },
    { isolationLevel: 'repeatable read', readOnly: true },
  );
  await expectCode(
    limited.transaction((tx) => tx.createUser({}), { readOnly: true }),
    'read_only',
  );
  await whileLocked(db, 'SELECT FROM users WHERE id = $1 FOR UPDATE', [id], async () => {
    await expectCode(
      limited.transaction((tx) => tx.updateUser(id, { name: 'never' })),
      'statement_timeout',
    );
  });
  await limited.disconnect();
});

it('a transaction is ended by its time limit, between calls and while it waits for a lock', async () => {
  const { id } = await storage.createUser({});
  const made = unique('never');
  const idle = storage.transaction(
    async (tx) => {
      await tx.createUser({ id: made });
      await never();
    },
    { timeoutMs: 300 },
  );
  await expectCode(idle, 'cancelled');
  await until(isAtRest);
  await whileLocked(db, 'SELECT FROM users WHERE id = $1 FOR UPDATE', [id], async () => {
    const waiting = storage.transaction((tx) => tx.updateUser(id, { name: 'never' }), { timeoutMs: 300 });
    await expectCode(waiting, 'cancelled');
    await until(
      async () =>
        (await db.query(`SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`))
          .length === 0,
    );
  });
  await until(isAtRest);
  expect(await storage.getUser(made)).toBeNull();
  expect(await storage.getUser(id)).not.toHaveProperty('name');
});

it('a transaction whose pooler is killed leaves nothing, and the next one succeeds', async () => {
  const id = unique('killed');
  const error = await rejection(
    storage.transaction(async (tx) => {
      await tx.createUser({ id });
      await pgbouncer.kill();
      await tx.createSession(sessionInput(id));
    }),
  );
  expect(error).toMatchObject({ code: 'auth_postgres/connection_failed', retryable: true });
  expect(error.context).not.toHaveProperty('outcome');
  await pgbouncer.start();
  await until(isAtRest);
  expect(await db.query('SELECT FROM users WHERE id = $1', [id])).toEqual([]);
  await storage.transaction((tx) => tx.createUser({ id }));
  expect(await storage.getUser(id)).not.toBeNull();
});

it('disconnect() ends a transaction that outlives its deadline', async () => {
  const own = through({ max: 1 });
  const id = unique('disconnected');
  const whole = own.transaction(async (tx) => {
    await tx.createUser({ id });
    await never();
  });
  const rejected = expectCode(whole, 'cancelled');
  await until(async () => !(await isAtRest()));
  await own.disconnect({ timeoutMs: 100 });
  await rejected;
  await until(isAtRest);
  expect(await storage.getUser(id)).toBeNull();
});
