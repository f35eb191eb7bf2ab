/** A sliding expiry, the most frequent write of all, touches no index. */
import { useDatabase } from './helpers/database';
import { inMs, sessionInput, userInput } from './helpers/fixtures';

const db = useDatabase();

it('moves the expiry of a session as a heap-only update', async () => {
  const { id: userId } = await db.storage.createUser(userInput());
  const sessions = await Promise.all(
    Array.from({ length: 200 }, () => db.storage.createSession(sessionInput(userId))),
  );
  for (let round = 1; round <= 5; round += 1) {
    await Promise.all(sessions.map(({ id }) => db.storage.updateSession(id, { expiresAt: inMs(round * 1e6) })));
  }
  let stats = { all: 0, hot: 0 };
  // The server counts with a delay; connections that end hand in what they have counted.
  await db.storage.disconnect();
  while (stats.all < 1_000) {
    [stats] = await db.query<typeof stats>(
      `SELECT n_tup_upd::int AS all, n_tup_hot_upd::int AS hot FROM pg_stat_user_tables WHERE relname = 'sessions'`,
    ) as [typeof stats];
  }
  // The first update of a page that was filled to the brim moves its row.
  expect(stats.hot / stats.all).toBeGreaterThan(0.8);
});
