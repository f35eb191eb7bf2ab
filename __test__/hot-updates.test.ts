/** Moving a session’s expiry, the most frequent write of all, changes no index. */
import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { useDatabase } from './helpers/database';
import { inMs, sessionInput, userInput } from './helpers/fixtures';

const db = useDatabase();

const SESSIONS = 3_000;
/** A page holds fewer rows than this, so that no round updates two rows of one page, as it is with many sessions. */
const STEP = 60;
/** A page that was filled as the fill factor says has room for so many further versions, even if none may be cleared away. */
const ROUNDS = 4;

type Move = (storage: PostgresStorageAdapter, id: string, expiresAt: Date) => Promise<unknown>;

it.each<[string, Move]>([
  ['updateSession', (storage, id, expiresAt) => storage.updateSession(id, { expiresAt })],
  ['getSessionContext', (storage, id, extendTo) => storage.getSessionContext(id, { extendTo })],
])('%s moves the expiry of a session as a heap-only (HOT) update', async (_, move) => {
  await db.query('ALTER TABLE sessions SET (autovacuum_enabled = off)');
  const { id: userId } = await db.storage.createUser(userInput());
  const sessions = await Promise.all(
    Array.from({ length: SESSIONS }, () => db.storage.createSession(sessionInput(userId))),
  );
  const storage = db.adapter();
  const before = await updates();
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const { id } of sessions.filter((_, at) => at % STEP === round)) {
      await move(storage, id, inMs(1e7 + round * 1e6));
    }
  }
  // The server counts with a delay; connections that end hand in what they have counted.
  await storage.disconnect();
  let after = before;
  while (after.all - before.all < (ROUNDS * SESSIONS) / STEP) after = await updates();
  // Few of them would be, were the pages full, and none, if `expires_at` had a btree. More rounds would have to wait for old
  // versions to be cleared away, which transactions of other tests, in other databases too, can put off.
  expect((after.hot - before.hot) / (after.all - before.all)).toBeGreaterThan(0.95);
});

async function updates(): Promise<{ all: number; hot: number }> {
  const [stats] = await db.query(
    `SELECT n_tup_upd::int AS all, n_tup_hot_upd::int AS hot FROM pg_stat_user_tables WHERE relname = 'sessions'`,
  );
  return stats;
}
