/** A panic inside the core rejects one call and affects no other. Debug builds have methods that panic. */
import { useDatabase } from './helpers/database';

const db = useDatabase();
const native = require('../native.js');

/** The core alone: the facade has no names for methods that are not there in a release. */
function core(options = {}) {
  const waiting = new Map<number, (result: { code?: string; value?: unknown }) => void>();
  const adapter = new native.PostgresStorageAdapter(db.url, JSON.stringify(options), '{}');
  adapter.listen((chunks: string[]) => {
    for (const chunk of chunks) {
      const entries = JSON.parse(chunk);
      for (let at = 0; at < entries.length; at += 2) {
        const [id, value] = [entries[at], entries[at + 1]];
        waiting.get(Math.abs(id))?.(id < 0 ? { code: value.code } : { value });
      }
    }
  });
  const answer = (id: number) => new Promise((resolve) => waiting.set(id, resolve));
  return { adapter, answer };
}

const INTERNAL = { code: 'auth_postgres/internal' };
const hold = () => setInterval(() => undefined, 1_000);

it('a call that panics is rejected as internal, and its connection serves the next call', async () => {
  const timer = hold();
  const { adapter, answer } = core({ max: 1 });
  for (let round = 0; round < 5; round += 1) {
    await expect(answer(adapter.panicInCall())).resolves.toEqual(INTERNAL);
    await expect(answer(adapter.getUser('x'))).resolves.toEqual({ value: null });
  }
  await answer(adapter.disconnect(undefined));
  clearInterval(timer);
});

it('a batch that panics rejects its calls and those waiting behind it, and calls of other kinds succeed', async () => {
  const timer = hold();
  const { adapter, answer } = core({ max: 2 });
  const ids: number[] = adapter.panicInBatch(1_000);
  const others = Array.from({ length: 50 }, () => answer(adapter.getUser('x')));
  const answers = await Promise.all(ids.map(answer));
  expect(answers).toEqual(ids.map(() => INTERNAL));
  expect(await Promise.all(others)).toEqual(others.map(() => ({ value: null })));
  await answer(adapter.disconnect(undefined));
  clearInterval(timer);
});
