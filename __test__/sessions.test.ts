/** Sessions: expiry and sweeps. */
import { useDatabase } from './helpers/database';
import { makeWorld } from './helpers/families';
import { anHourAgo, sessionInput } from './helpers/fixtures';

const db = useDatabase();
let userId: string;

beforeAll(async () => {
  ({ userId } = await makeWorld(db.storage));
});

it('are null once they have expired, and can be swept', async () => {
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

it('of a user are deleted but for one', async () => {
  const { id } = await db.storage.createUser({});
  const [kept] = await Promise.all([1, 2, 3].map(() => db.storage.createSession(sessionInput(id))));
  await expect(db.storage.deleteUserSessions(id, { except: kept?.id as string })).resolves.toBe(2);
  expect(await db.query('SELECT id FROM sessions WHERE user_id = $1', [id])).toEqual([{ id: kept?.id }]);
  await expect(db.storage.deleteUserSessions(id)).resolves.toBe(1);
});
