/** sweep() deletes what has expired or has been used up, kind by kind, and nothing else. */
import { Client } from 'pg';
import { useDatabase } from './helpers/database';
import { expectCode, expectInvalidInput } from './helpers/errors';
import { until, whileLocked } from './helpers/failing';
import { makeWorld, type World } from './helpers/families';
import { anHourAgo, eventInput, inMs, sessionInput, unique } from './helpers/fixtures';
import { makeLegacy } from './helpers/legacy-rows';

const db = useDatabase();
let world: World;

beforeAll(async () => {
  world = await makeWorld(db.storage);
});

const DAY = 86_400_000;
const TABLES = {
  emailVerificationTokens: 'email_verification_tokens',
  twoFactorSessions: 'twofa_sessions',
  ssoSessions: 'sso_sessions',
  apiKeys: 'api_keys',
  backupCodes: 'twofa_backup_codes',
  sessions: 'sessions',
};
const KINDS = Object.keys(TABLES) as (keyof typeof TABLES)[];
const NOTHING = Object.fromEntries(KINDS.map((kind) => [kind, 0]));

/** Rows of a kind whose time lies so many days back; a negative number is a time to come. */
async function add(kind: keyof typeof TABLES, daysAgo: number, count = 1, prefix = `${kind} ${daysAgo} `) {
  const { userId, providerId, deviceId } = world;
  const time = `now() - $2 * interval '1 day'`;
  const rows = {
    emailVerificationTokens: `(id, email, code, code_hash, type, expires_at) SELECT $1 || n, 'e', 'c', 'h', 'login_link', ${time}`,
    twoFactorSessions: `(id, user_id, session_id, device_id, method, expires_at) SELECT $1 || n, '${userId}', 's', '${deviceId}', 'totp', ${time}`,
    ssoSessions: `(id, user_id, provider_id, provider_type, provider_subject, expires_at) SELECT $1 || n, '${userId}', '${providerId}', 'oidc', 's', ${time}`,
    apiKeys: `(id, principal_user_id, hash, prefix, last_four, expires_at) SELECT $1 || n, '${userId}', $1 || n, 'p', 'x', ${time}`,
    backupCodes: `(id, user_id, code, used, used_at) SELECT $1 || n, '${userId}', 'c', true, ${time}`,
    sessions: `(id, user_id, expires_at) SELECT $1 || n, '${userId}', ${time}`,
  };
  await db.query(`INSERT INTO ${TABLES[kind]} ${rows[kind]} FROM generate_series(1, $3) n`, [prefix, daysAgo, count]);
}

const idsOf = async (kind: keyof typeof TABLES) =>
  (await db.query<{ id: string }>(`SELECT id FROM ${TABLES[kind]} ORDER BY id`)).map(({ id }) => id);

afterEach(async () => {
  for (const table of Object.values(TABLES)) await db.query(`DELETE FROM ${table}`);
});

describe.each(KINDS)('sweep({ kinds: [%p] })', (kind) => {
  /** In days. */
  const kept = kind === 'apiKeys' || kind === 'backupCodes' ? 30 : 0;

  it('deletes the rows whose time has come, counts them, and leaves the others and all other kinds', async () => {
    for (const each of KINDS) await add(each, 99);
    await add(kind, kept + 0.01, 3);
    await add(kind, kept - 0.01, 2);
    await add(kind, -1);
    await expect(db.storage.sweep({ kinds: [kind], dryRun: true })).resolves.toStrictEqual({ [kind]: 4 });
    expect(await idsOf(kind)).toHaveLength(7);
    await expect(db.storage.sweep({ kinds: [kind] })).resolves.toStrictEqual({ [kind]: 4 });
    expect(await idsOf(kind)).toEqual([`${kind} ${kept - 0.01} 1`, `${kind} ${kept - 0.01} 2`, `${kind} -1 1`].sort());
    for (const other of KINDS) if (other !== kind) expect(await idsOf(other)).toHaveLength(1);
  });

  it('takes `olderThan` instead of its default, and a time to come for now', async () => {
    await add(kind, 0.5);
    await add(kind, 50);
    await add(kind, 200);
    await add(kind, -1);
    const sweep = (olderThan: Date | string) => db.storage.sweep({ kinds: [kind], olderThan });
    await expect(sweep(inMs(-100 * DAY))).resolves.toEqual({ [kind]: 1 });
    await expect(sweep(inMs(-DAY).toISOString())).resolves.toEqual({ [kind]: 1 });
    await expect(db.storage.sweep({ kinds: [kind], olderThan: inMs(9 * DAY), dryRun: true })).resolves.toEqual({
      [kind]: 1,
    });
    await expect(sweep(inMs(9 * DAY))).resolves.toEqual({ [kind]: 1 });
    expect(await idsOf(kind)).toEqual([`${kind} -1 1`]);
  });

  it('deletes at most `limit` rows, in batches of `batchSize`, and counts at most so many', async () => {
    await add(kind, 100, 12);
    for (const dryRun of [true, false]) {
      await expect(db.storage.sweep({ kinds: [kind], limit: 0, dryRun })).resolves.toEqual({ [kind]: 0 });
      await expect(db.storage.sweep({ kinds: [kind], limit: 5, batchSize: 2, dryRun })).resolves.toEqual({ [kind]: 5 });
    }
    await expect(db.storage.sweep({ kinds: [kind], batchSize: 3 })).resolves.toEqual({ [kind]: 7 });
  });

  it('leaves a row that another transaction has locked to the next sweep', async () => {
    await add(kind, 100, 3);
    await whileLocked(db, `SELECT FROM ${TABLES[kind]} WHERE id = $1 FOR UPDATE`, [`${kind} 100 2`], async () => {
      await expect(db.storage.sweep({ kinds: [kind], timeoutMs: 10_000 })).resolves.toEqual({ [kind]: 2 });
      expect(await idsOf(kind)).toEqual([`${kind} 100 2`]);
    });
    await expect(db.storage.sweep({ kinds: [kind] })).resolves.toEqual({ [kind]: 1 });
  });
});

it('sweep() deletes rows of all kinds, and returns 0 for a kind that has none', async () => {
  await expect(db.storage.sweep()).resolves.toStrictEqual(NOTHING);
  await expect(db.storage.sweep({ dryRun: true })).resolves.toStrictEqual(NOTHING);
  for (const kind of KINDS) await add(kind, 100, 2);
  await expect(db.storage.sweep()).resolves.toStrictEqual(Object.fromEntries(KINDS.map((kind) => [kind, 2])));
  await expect(db.storage.sweep({ kinds: [] })).resolves.toStrictEqual({});
});

it('sweep() works through a transaction pooler', async () => {
  for (const kind of KINDS) await add(kind, 100, 2);
  const storage = db.adapter({ pooler: 'transaction' });
  const two = Object.fromEntries(KINDS.map((kind) => [kind, 2]));
  await expect(storage.sweep({ dryRun: true })).resolves.toEqual(two);
  await expect(storage.sweep()).resolves.toEqual(two);
  expect(await storage.healthCheck()).toMatchObject({ status: 'ok', lastSweep: { deleted: two } });
});

it('sweep() keeps a used e-mail token for a day after its use, and deletes it then although it has not expired', async () => {
  await add('emailVerificationTokens', -100, 3);
  const use = (id: number, ago: string) =>
    db.query(`UPDATE email_verification_tokens SET used_at = now() - $2::interval WHERE id LIKE '%' || $1`, [id, ago]);
  await use(1, '23 hours');
  await use(2, '25 hours');
  const kinds = ['emailVerificationTokens' as const];
  await expect(db.storage.sweep({ kinds })).resolves.toEqual({ emailVerificationTokens: 1 });
  await expect(db.storage.sweep({ kinds, olderThan: inMs(-23.5 * 3_600_000) })).resolves.toEqual({
    emailVerificationTokens: 0,
  });
  await expect(db.storage.sweep({ kinds, olderThan: new Date() })).resolves.toEqual({ emailVerificationTokens: 1 });
  expect(await idsOf('emailVerificationTokens')).toHaveLength(1);
});

it('sweep() deletes no API key without an expiry, and no backup code that has not been used', async () => {
  await db.storage.createBackupCodes(world.userId, ['a', { code: 'b', used: true }]);
  await add('apiKeys', 100);
  await db.query('UPDATE api_keys SET expires_at = NULL');
  await expect(db.storage.sweep({ olderThan: new Date() })).resolves.toMatchObject({ apiKeys: 0, backupCodes: 1 });
  await expect(db.storage.getBackupCodes(world.userId)).resolves.toMatchObject([{ code: 'a', used: false }]);
});

it('sweep() walks through many pages of a table, also when most of its rows stay', async () => {
  await add('sessions', -1, 40_000, 'live ');
  await add('sessions', 1, 3_500);
  await db.query(`UPDATE sessions SET expires_at = now() - interval '1 s' WHERE id LIKE 'live %00'`);
  const [table] = await db.query(`SELECT pg_relation_size('sessions') / 8192 AS pages`);
  expect(Number(table.pages)).toBeGreaterThan(300);
  await expect(db.storage.sweep({ dryRun: true })).resolves.toMatchObject({ sessions: 3_900 });
  const counts = await Promise.all([1, 2, 3].map(() => db.adapter().sweep({ kinds: ['sessions'] })));
  expect(counts.reduce((sum, { sessions }) => sum + (sessions ?? 0), 0)).toBe(3_900);
  expect(await db.query('SELECT count(*)::int AS n FROM sessions')).toEqual([{ n: 39_600 }]);
}, 60_000);

it('sweep() that is given up keeps what it has deleted, and the next one deletes the rest', async () => {
  await add('sessions', 1, 500);
  const abort = new AbortController();
  const swept = expectCode(db.storage.sweep({ batchSize: 1, signal: abort.signal }), 'cancelled');
  await until(async () => (await idsOf('sessions')).length < 490);
  abort.abort();
  await swept;
  const left = (await idsOf('sessions')).length;
  expect(left).toBeGreaterThan(0);
  await until(async () => (await db.query(`SELECT FROM pg_locks WHERE relation = 'sessions'::regclass`)).length === 0);
  const { sessions = 0 } = await db.storage.sweep();
  expect(sessions).toBeGreaterThan(left - 2);
  expect(await idsOf('sessions')).toEqual([]);
});

it('sweeps that are given up early, again and again, come to all rows sooner or later', async () => {
  await add('sessions', -1, 200_000, 'a live one ');
  await add('sessions', 1, 500, 'gone ');
  const some = () => db.storage.sweep({ kinds: ['sessions'], timeoutMs: 150 }).catch((error) => error);
  await until(async () => {
    // A whole walk takes longer.
    expect(await some()).toMatchObject({ code: 'auth_postgres/cancelled' });
    return (await idsOf('sessions')).every((id) => !id.startsWith('gone'));
  });
}, 120_000);

it('sweep() drops old months of events if they are not kept for ever, and only then', async () => {
  const keeping = db.adapter({ retainEventsForDays: 40 });
  const old = unique('old');
  for (const timestamp of [new Date('2019-06-01T00:00:00Z'), new Date()])
    await db.storage.emitEvent(eventInput({ principalId: old, timestamp }));
  // As if months had been made since then.
  const [past] = await db.query(
    `SELECT substring(pg_get_expr(relpartbound, oid) FROM ' TO \\(''([^'']+)''') AS ends
       FROM pg_class WHERE oid = 'auth_events_past'::regclass`,
  );
  await db.query(`ALTER TABLE auth_events DETACH PARTITION auth_events_past`);
  await db.query(
    `ALTER TABLE auth_events ATTACH PARTITION auth_events_past FOR VALUES FROM (MINVALUE) TO ('2020-01-01 00:00:00+00')`,
  );
  await db.query(
    `CREATE TABLE auth_events_2020_01_on PARTITION OF auth_events
        FOR VALUES FROM ('2020-01-01 00:00:00+00') TO ('${past?.ends}')`,
  );
  const events = () => db.query('SELECT FROM auth_events WHERE principal_id = $1', [old]);
  await expectInvalidInput(db.storage.sweep({ kinds: ['events'] }), 'kinds');
  await expect(db.storage.sweep()).resolves.not.toHaveProperty('eventMonths');
  await expect(keeping.sweep({ dryRun: true })).resolves.not.toHaveProperty('eventMonths');
  expect(await events()).toHaveLength(2);
  await expect(keeping.sweep({ kinds: ['events'] })).resolves.toStrictEqual({ eventMonths: 1 });
  expect(await events()).toHaveLength(1);
  await expect(keeping.sweep()).resolves.toStrictEqual({ ...NOTHING, eventMonths: 0 });
});

it('healthCheck() shows the last sweep that has deleted anything or tried to, and no dry run', async () => {
  await db.query('DELETE FROM auth_sweeps');
  expect(await db.storage.healthCheck()).not.toHaveProperty('lastSweep');
  await db.storage.sweep({ dryRun: true });
  expect(await db.storage.healthCheck()).not.toHaveProperty('lastSweep');
  await add('sessions', 1, 2);
  const before = new Date();
  await db.storage.sweep({ kinds: ['sessions', 'apiKeys'] });
  const { lastSweep } = await db.storage.healthCheck();
  expect(lastSweep).toStrictEqual({
    startedAt: expect.any(Date),
    durationMs: expect.any(Number),
    deleted: { sessions: 2, apiKeys: 0 },
    isBackground: false,
  });
  expect(Math.abs((lastSweep?.startedAt.getTime() ?? 0) - before.getTime())).toBeLessThan(60_000);
});

it('sweep() rejects options that it does not know or cannot use, and deletes nothing', async () => {
  await add('sessions', 1);
  const rejected: [object, string][] = [
    [{ kinds: 'sessions' }, 'kinds'],
    [{ kinds: ['session'] }, 'kinds[0]'],
    [{ olderThan: 1000 }, 'olderThan'],
    [{ olderThan: new Date(Number.NaN) }, 'olderThan'],
    [{ olderThan: '2026-01-01T00:00:00' }, 'olderThan'],
    [{ limit: -1 }, 'limit'],
    [{ batchSize: 0 }, 'batchSize'],
    [{ batchSize: 10_001 }, 'batchSize'],
    [{ dryRun: 'yes' }, 'dryRun'],
    [{ dryrun: true }, 'dryrun'],
  ];
  for (const [options, field] of rejected) await expectInvalidInput(db.storage.sweep(options as never), field);
  expect(await idsOf('sessions')).toHaveLength(1);
});

it('sweep() leaves a session whose renewal another transaction has yet to commit, before and after the commit', async () => {
  const { id } = await db.storage.createSession(sessionInput(world.userId, { expiresAt: anHourAgo() }));
  const locker = new Client({ connectionString: db.url });
  await locker.connect();
  try {
    await locker.query('BEGIN');
    await locker.query(`UPDATE sessions SET expires_at = now() + interval '1 hour' WHERE id = $1`, [id]);
    await expect(db.storage.sweep()).resolves.toMatchObject({ sessions: 0 });
    await locker.query('COMMIT');
    await expect(db.storage.sweep()).resolves.toMatchObject({ sessions: 0 });
    expect(await idsOf('sessions')).toEqual([id]);
  } finally {
    await locker.end();
  }
});

describe('a database of 3.0.x that was taken over', () => {
  const old = useDatabase({ migrated: false });

  it('can be given back after a sweep, whose record is dropped', async () => {
    await makeLegacy(old, '3.0.x');
    await old.storage.connect();
    await old.storage.sweep({ kinds: ['sessions'] });
    expect(await old.query('SELECT name FROM auth_sweeps')).toEqual([{ name: 'call' }]);
    await expect(old.storage.rollback({ to: null })).resolves.toContain('0000_taken_over');
    expect(await old.query(`SELECT to_regclass('auth_sweeps') AS sweeps`)).toEqual([{ sweeps: null }]);
  });
});
