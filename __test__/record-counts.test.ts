/** countRecords: how many records there are, exactly, and about how many events. */
import { useDatabase } from './helpers/database';
import { forgetMonthsAfter, monthName, monthStart } from './helpers/event-months';
import { anHourAgo, apiKeyInput, inMs, organizationInput, sessionInput, userInput } from './helpers/fixtures';
import { Relay } from './helpers/relay';

const db = useDatabase();
const NONE = { users: 0, organizations: 0, liveSessions: 0, expiredSessions: 0, apiKeys: 0, estimatedEvents: 0 };

/** Writes events into one month, and nothing else. */
const addEvents = (rows: number, month = 0) =>
  db.query(
    `INSERT INTO auth_events (type, principal_id, data, timestamp)
     SELECT 'user.login', 'principal ' || n % 1000, '{"ip": "127.0.0.1"}', $1::timestamptz + n * interval '1 millisecond'
       FROM generate_series(1, ${rows}) n`,
    [monthStart(month)],
  );

const estimate = async () => (await db.storage.countRecords()).estimatedEvents;
const between = (low: number, high: number) => (value: number) =>
  expect({ value, isBetween: value >= low && value <= high }).toEqual({ value, isBetween: true });

beforeAll(() => db.query(`ALTER TABLE ${monthName(0)} SET (autovacuum_enabled = off)`));

beforeEach(() =>
  db
    .query('TRUNCATE users, organizations, auth_events CASCADE; DELETE FROM sso_providers')
    .then(() => db.query('ANALYZE auth_events')),
);

it('countRecords counts users, organizations, sessions and API keys, and those that have expired as well', async () => {
  await expect(db.storage.countRecords()).resolves.toStrictEqual(NONE);
  const [user] = await Promise.all([1, 2, 3].map(() => db.storage.createUser(userInput())));
  const userId = user?.id as string;
  await db.storage.createOrganization(organizationInput());
  await db.storage.createOrganization(organizationInput());
  await db.storage.createSession(sessionInput(userId));
  for (let at = 0; at < 3; at += 1) await db.storage.createSession(sessionInput(userId, { expiresAt: anHourAgo() }));
  await db.storage.createApiKey(apiKeyInput(userId));
  await db.storage.createApiKey(apiKeyInput(userId, { expiresAt: anHourAgo() }));
  await addEvents(7);
  await expect(db.storage.countRecords()).resolves.toStrictEqual({
    ...{ users: 3, organizations: 2, liveSessions: 1, expiredSessions: 3, apiKeys: 2, estimatedEvents: 7 },
  });
  await db.storage.deleteExpiredSessions();
  await db.storage.createSession(sessionInput(userId, { expiresAt: inMs(5_000) }));
  await expect(db.storage.countRecords()).resolves.toMatchObject({ liveSessions: 2, expiredSessions: 0 });
});

it('countRecords sees one state of the database, and in a transaction what that has written', async () => {
  const isConsistent = ({ users, liveSessions }: { users: number; liveSessions: number }) => users === liveSessions;
  const writing = Promise.all(
    Array.from({ length: 32 }, () =>
      db.storage.transaction(async (tx) => {
        const { id } = await tx.createUser(userInput());
        await tx.createSession(sessionInput(id));
      }),
    ),
  );
  const seen = await Promise.all(Array.from({ length: 16 }, () => db.storage.countRecords()));
  await writing;
  expect(seen.filter((counts) => !isConsistent(counts))).toEqual([]);
  await db.storage.transaction(async (tx) => {
    await tx.createUser(userInput());
    await expect(tx.countRecords()).resolves.toMatchObject({ users: 33, liveSessions: 32 });
    await expect(db.storage.countRecords()).resolves.toMatchObject({ users: 32, liveSessions: 32 });
  });
});

it('countRecords counts up to 10 000 events, whatever the server knows of them', async () => {
  await addEvents(10_000);
  await expect(estimate()).resolves.toBe(10_000);
  await db.query('ANALYZE auth_events');
  await db.query('DELETE FROM auth_events WHERE id % 2 = 0');
  await expect(estimate()).resolves.toBe(5_000);
});

it('countRecords estimates more events, also in months that have never been analysed, and never below 10 001', async () => {
  await addEvents(100_000);
  // Nothing is known, and 50 events are expected in a page.
  between(30_000, 200_000)(await estimate());
  await addEvents(2_000, 1);
  await db.query(`ANALYZE ${monthName(0)}`);
  // Now the months that are unknown are thought to be like the one that is known.
  between(101_000, 103_000)(await estimate());
  await addEvents(100_000);
  between(190_000, 212_000)(await estimate());
  await db.query('ANALYZE auth_events');
  between(201_000, 203_000)(await estimate());
  await db.query('DELETE FROM auth_events WHERE id % 10 <> 0');
  await db.query('VACUUM ANALYZE auth_events');
  between(20_000, 20_400)(await estimate());
  await db.query('UPDATE pg_class SET reltuples = 1 WHERE relname = $1', [monthName(0)]);
  await expect(estimate()).resolves.toBe(10_001);
  await db.query('ANALYZE auth_events');
});

it('countRecords follows months that are dropped, made and changed, on connections that have counted before', async () => {
  const one = db.adapter({ max: 1 });
  await one.countRecords();
  await addEvents(20_000, 1);
  await db.query('ANALYZE auth_events');
  await expect(one.countRecords()).resolves.toMatchObject({ estimatedEvents: 20_000 });
  await forgetMonthsAfter(db, 0);
  await expect(one.countRecords()).resolves.toMatchObject({ estimatedEvents: 0 });
  await db.adapter().connect();
  await addEvents(30, 1);
  await expect(one.countRecords()).resolves.toMatchObject({ estimatedEvents: 30 });
});

it('countRecords is one statement', async () => {
  const relay = await Relay.start(db.url);
  const storage = db.adapter({ max: 1 }, relay.url);
  await storage.countRecords();
  relay.reset();
  await storage.countRecords();
  expect(relay.roundTrips).toBe(1);
  await storage.disconnect();
  await relay.close();
});
