/** The methods for sessions: expiry, updates, deletion of a user’s sessions, and sweeps of expired ones. */
import { useDatabase } from './helpers/database';
import { expectCode, expectInvalidInput } from './helpers/errors';
import { whileLocked } from './helpers/failing';
import { makeWorld } from './helpers/families';
import { anHourAgo, inAnHour, sessionInput, unique } from './helpers/fixtures';

const db = useDatabase();
let userId: string;

beforeAll(async () => {
  ({ userId } = await makeWorld(db.storage));
});

it('getSession returns null for an expired session, and deleteExpiredSessions deletes expired ones, at most `limit` in a call', async () => {
  const expired = await db.storage.createSession(sessionInput(userId, { expiresAt: anHourAgo() }));
  expect(await db.storage.getSession(expired.id)).toBeNull();
  await db.query(
    `INSERT INTO sessions (id, user_id, expires_at) SELECT 'old-' || n, $1, now() - interval '1 s' FROM generate_series(1, 2500) n`,
    [userId],
  );
  await expect(db.storage.deleteExpiredSessions({ limit: 0 })).resolves.toBe(0);
  await expect(db.storage.deleteExpiredSessions({ limit: 1001 })).resolves.toBe(1001);
  await expect(db.storage.deleteExpiredSessions()).resolves.toBe(1500);
  await expect(db.storage.deleteExpiredSessions()).resolves.toBe(0);
});

it('deleteExpiredSessions passes over an expired session that another transaction has locked', async () => {
  await db.storage.deleteExpiredSessions();
  const expired = await Promise.all(
    [1, 2, 3].map(() => db.storage.createSession(sessionInput(userId, { expiresAt: anHourAgo() }))),
  );
  const locked = expired[1]?.id;
  await whileLocked(db, 'SELECT FROM sessions WHERE id = $1 FOR UPDATE', [locked], async () => {
    await expect(db.storage.deleteExpiredSessions({ timeoutMs: 10_000 })).resolves.toBe(2);
    expect(await db.query('SELECT id FROM sessions WHERE expires_at <= now()')).toEqual([{ id: locked }]);
  });
  await expect(db.storage.deleteExpiredSessions()).resolves.toBe(1);
});

it('deleteUserSessions deletes all sessions of a user except the one named in `except`, and returns how many', async () => {
  const { id } = await db.storage.createUser({});
  const [kept] = await Promise.all([1, 2, 3].map(() => db.storage.createSession(sessionInput(id))));
  await expect(db.storage.deleteUserSessions(id, { except: kept?.id as string })).resolves.toBe(2);
  expect(await db.query('SELECT id FROM sessions WHERE user_id = $1', [id])).toEqual([{ id: kept?.id }]);
  await expect(db.storage.deleteUserSessions(id)).resolves.toBe(1);
});

it('createSession needs only a user and an expiry, and generates a random id', async () => {
  const expiresAt = inAnHour();
  const session = await db.storage.createSession({ userId, expiresAt });
  expect(session).toStrictEqual({
    id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-/),
    ...{ userId, expiresAt, entitlements: [], metadata: {} },
    createdAt: expect.any(Date),
    updatedAt: session.createdAt,
  });
});

it('updateSession moves the expiry of a live session, and getSession returns null once the new expiry has passed', async () => {
  const { id } = await db.storage.createSession(sessionInput(userId));
  const expiresAt = inAnHour();
  await expect(db.storage.updateSession(id, { expiresAt })).resolves.toMatchObject({ id, expiresAt });
  await expect(db.storage.getSession(id)).resolves.toMatchObject({ id, expiresAt });
  await db.storage.updateSession(id, { expiresAt: anHourAgo() });
  expect(await db.storage.getSession(id)).toBeNull();
});

it('updateSession rejects an expired session with not_found, also when calls for other sessions share its statement', async () => {
  const expired = await db.storage.createSession(sessionInput(userId, { expiresAt: anHourAgo() }));
  const live = await db.storage.createSession(sessionInput(userId));
  for (const patch of [{ expiresAt: inAnHour() }, { plan: 'x' }, {}]) {
    await expectCode(db.storage.updateSession(expired.id, patch), 'not_found');
    const [revived] = await Promise.allSettled([expired, live].map(({ id }) => db.storage.updateSession(id, patch)));
    expect(revived?.status).toBe('rejected');
  }
  expect(await db.storage.getSession(expired.id)).toBeNull();
});

it('updateSession moves a session to another user, and rejects an organization that does not exist', async () => {
  const other = await db.storage.createUser({});
  const session = await db.storage.createSession(sessionInput(userId));
  await expect(db.storage.updateSession(session.id, { userId: other.id })).resolves.toMatchObject({ userId: other.id });
  await expectCode(db.storage.updateSession(session.id, { orgId: unique('none') }), 'invalid_reference', {
    ...{ field: 'orgId', constraint: 'sessions_org_id_fkey' },
  });
});

it('deleteUserSessions returns 0 for an unknown user, and both it and deleteExpiredSessions reject wrong options', async () => {
  await expect(db.storage.deleteUserSessions(unique('nobody'))).resolves.toBe(0);
  await expect(db.storage.deleteUserSessions('')).resolves.toBe(0);
  const { id } = await db.storage.createSession(sessionInput(userId));
  await expectInvalidInput(db.storage.deleteUserSessions(userId, { except: 7 as never }), 'except');
  await expectInvalidInput(db.storage.deleteUserSessions(userId, { exept: id } as never), 'exept');
  await expectInvalidInput(db.storage.deleteExpiredSessions({ limit: -1 }), 'limit');
  await expectInvalidInput(db.storage.deleteExpiredSessions({ limit: '5' as never }), 'limit');
  await expect(db.storage.getSession(id)).resolves.not.toBeNull();
  await db.storage.deleteUserSessions(userId, { except: unique('none') });
  await expect(db.storage.getSession(id)).resolves.toBeNull();
});
