/** How results come back to JavaScript: in which order, and how many in one turn of the event loop. */
import { useDatabase } from './helpers/database';
import { userInput } from './helpers/fixtures';

const db = useDatabase();
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

/** Keeps JavaScript's thread from everything else, so that results pile up. */
function compute(ms: number) {
  const end = Date.now() + ms;
  while (Date.now() < end);
}

it.each([64, 256])(
  'of %i results that come at once, a few are handed over in each turn of the event loop',
  async (callers) => {
    const { id } = await db.storage.createUser(userInput());
    let turn = 0;
    let isOver = false;
    const count = () => {
      turn += 1;
      if (!isOver) setImmediate(count);
    };
    setImmediate(count);
    const inTurn = new Map<number, number>();
    const calls = numbers(callers).map(() =>
      db.storage.getUser(id).then(() => inTurn.set(turn, (inTurn.get(turn) ?? 0) + 1)),
    );
    compute(300);
    await Promise.all(calls);
    isOver = true;
    // Sixteen when results arrive, and as many among the immediates of the same turn.
    expect(Math.max(...inTurn.values())).toBeLessThanOrEqual(32);
    expect(inTurn.size).toBeGreaterThanOrEqual(callers / 32);
  },
);

it('results of megabytes are handed over in the order in which they came', async () => {
  const storage = db.adapter({ max: 1, statementTimeoutMs: 60_000 });
  const { id } = await storage.createUser({});
  await db.query(
    `INSERT INTO api_keys (id, principal_user_id, hash, prefix, last_four, metadata)
     SELECT 'key-' || n, $1, 'key-' || n, 'p' || n, 'abcd', jsonb_build_object('text', repeat('x', 300 << 10))
       FROM generate_series(0, 31) AS n`,
    [id],
  );
  const order: number[] = [];
  // No batch: with one connection they are served one after the other.
  const calls = numbers(32).map((at) =>
    storage.getApiKeysByPrefixAndLastFour(`p${at}`, 'abcd').then((keys) => {
      expect(keys.map((key) => key.id)).toEqual([`key-${at}`]);
      order.push(at);
    }),
  );
  // Meanwhile more than one chunk of a MiB fills.
  for (let round = 0; round < 3; round += 1) {
    compute(300);
    await new Promise(setImmediate);
  }
  await Promise.all(calls);
  expect(order).toEqual(numbers(32));
  await storage.disconnect();
});
