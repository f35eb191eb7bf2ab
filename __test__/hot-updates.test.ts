/** Moving a session’s expiry, the most frequent write of all, changes no index. */
import { useDatabase } from './helpers/database';
import { inMs, sessionInput, userInput } from './helpers/fixtures';

const db = useDatabase();

const SESSIONS = 3_000;
/** A page holds fewer rows than this, so that no round updates two rows of one page, as it is with many sessions. */
const STEP = 60;
const ROUNDS = 20;

it('updateSession moves the expiry of a session as a heap-only (HOT) update', async () => {
  // A snapshot of autovacuum's would keep the server from clearing old versions away, and a page from having room.
  await db.query('ALTER TABLE sessions SET (autovacuum_enabled = off)');
  const { id: userId } = await db.storage.createUser(userInput());
  const sessions = await Promise.all(
    Array.from({ length: SESSIONS }, () => db.storage.createSession(sessionInput(userId))),
  );
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const { id } of sessions.filter((_, at) => at % STEP === round)) {
      // One after the other: what others still see cannot make room.
      await db.storage.updateSession(id, { expiresAt: inMs(round * 1e6 + 1e6) });
    }
  }
  let stats = { all: 0, hot: 0 };
  // The server counts with a delay; connections that end hand in what they have counted.
  await db.storage.disconnect();
  while (stats.all < (ROUNDS * SESSIONS) / STEP) {
    [stats] = (await db.query<typeof stats>(
      `SELECT n_tup_upd::int AS all, n_tup_hot_upd::int AS hot FROM pg_stat_user_tables WHERE relname = 'sessions'`,
    )) as [typeof stats];
  }
  // All of them, as long as pages keep room for a second version of a row; none, if `expires_at` had a btree.
  expect(stats.hot / stats.all).toBeGreaterThan(0.95);
});
