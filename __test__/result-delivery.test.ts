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
     SELECT 'key-' || n, $1, 'key-' || n, 'kit', 'abcd', jsonb_build_object('text', repeat('x', 400 << 10))
       FROM generate_series(0, 11) AS n`,
    [id],
  );
  await db.query(`CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_sleep(0.05); RETURN NEW; END'`);
  await db.query('CREATE TRIGGER linger BEFORE UPDATE ON api_keys FOR EACH ROW EXECUTE FUNCTION linger()');
  const times: number[] = [];
  // With one connection they are served one after the other, in some order. Meanwhile several chunks of a MiB fill.
  const calls = numbers(12).map((at) =>
    storage.updateApiKey(`key-${at}`, { scopes: [`${at}`] }).then((key) => {
      expect(key.scopes).toEqual([`${at}`]);
      times.push(key.updatedAt.getTime());
    }),
  );
  compute(1_500);
  await Promise.all(calls);
  await db.query('DROP FUNCTION linger CASCADE');
  expect(times).toHaveLength(12);
  // A result that is still being written may be overtaken by the next one, but not by those that came much later.
  const late = times.filter((time, place) => times.slice(0, place).some((before) => before > time + 180));
  expect(late).toEqual([]);
  await storage.disconnect();
});
