/** Moving a session’s expiry, the most frequent write of all, changes no index. */
import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { useDatabase } from './helpers/database';
import { inMs, sessionInput, userInput } from './helpers/fixtures';

const db = useDatabase();

const SESSIONS = 3_000;
/** A page holds fewer rows than this, so that no round updates two rows of one page, as it is with many sessions. */
const STEP = 60;
const ROUNDS = 20;

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
  /** The share of heap-only updates while each session of these rounds is moved, one after the other. */
  const shareOf = async (from: number, to: number) => {
    const storage = db.adapter();
    const before = await updates();
    for (let round = from; round < to; round += 1) {
      for (const { id } of sessions.filter((_, at) => at % STEP === round)) {
        await move(storage, id, inMs(1e7 + round * 1e6));
      }
    }
    // The server counts with a delay; connections that end hand in what they have counted.
    await storage.disconnect();
    let after = before;
    while (after.all - before.all < ((to - from) * SESSIONS) / STEP) after = await updates();
    return (after.hot - before.hot) / (after.all - before.all);
  };
  // Each page has room for a second version of a row from the start: none of them would be, were the pages full,
  // or if `expires_at` had a btree.
  expect(await shareOf(0, 1)).toBeGreaterThan(0.95);
  // Old versions make room for the next ones as soon as nobody's snapshot sees them. On a busy server snapshots
  // of autovacuum's, which reads other tables, stay long enough to cost some.
  expect(await shareOf(1, ROUNDS)).toBeGreaterThan(0.7);
});

async function updates(): Promise<{ all: number; hot: number }> {
  const [stats] = await db.query(
    `SELECT n_tup_upd::int AS all, n_tup_hot_upd::int AS hot FROM pg_stat_user_tables WHERE relname = 'sessions'`,
  );
  return stats;
}
