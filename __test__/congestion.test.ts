/** More calls than can be served, each of which is given up after a time: some are served in time all the same. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { useDatabase } from './helpers/database';
import { Relay } from './helpers/relay';

const db = useDatabase();
/** How long a message takes to the server, and back again. */
const ONE_WAY_MS = 20;
const PATIENCE_MS = 500;
const OVERLOAD = 3;
const LOAD_MS = 2_000;

type Limits = { timeoutMs?: number; signal?: AbortSignal };
type Call = (storage: PostgresStorageAdapter, limits: Limits) => Promise<unknown>;
const KINDS: [string, Call][] = [
  ['calls with a statement of their own', (storage, limits) => storage.listUsers(limits)],
  ['transactions', (storage, limits) => storage.transaction((tx) => tx.getUser('x'), limits)],
];
const WAYS: [string, () => Limits][] = [
  ['timeoutMs', () => ({ timeoutMs: PATIENCE_MS })],
  ['a signal', () => ({ signal: AbortSignal.timeout(PATIENCE_MS) })],
];
const CASES = KINDS.flatMap(([kind, call]) => WAYS.map(([way, limits]) => ({ kind, call, way, limits })));

let relay: Relay;
beforeAll(async () => {
  relay = await Relay.start(db.url);
  relay.delay(ONE_WAY_MS);
});
afterAll(() => relay.close());

/** How many calls a second succeed, if there are always a few that wait. */
async function capacity(call: () => Promise<unknown>): Promise<number> {
  const end = performance.now() + 1_000;
  let succeeded = 0;
  const callers = Array.from({ length: 8 }, async () => {
    for (; performance.now() < end; succeeded += 1) await call();
  });
  await Promise.all(callers);
  return succeeded;
}

/** How many calls a second succeed when so many are made each second. Those of the first moments do not count. */
async function goodput(call: () => Promise<unknown>, perSecond: number): Promise<number> {
  const calls: Promise<unknown>[] = [];
  let succeeded = 0;
  const count = () => {
    succeeded += 1;
  };
  const started = performance.now();
  const callUntil = async (end: number) => {
    for (; performance.now() < end; await sleep(5)) {
      const due = ((performance.now() - started) / 1_000) * perSecond;
      while (calls.length < due) calls.push(call().then(count, () => undefined));
    }
  };
  await callUntil(started + 2 * PATIENCE_MS);
  const before = succeeded;
  await callUntil(started + 2 * PATIENCE_MS + LOAD_MS);
  const served = ((succeeded - before) * 1_000) / LOAD_MS;
  await Promise.all(calls);
  return served;
}

it.each(CASES)('$kind are served while there are too many, each with $way', async ({ call, limits }) => {
  const storage = db.adapter({ max: 4 }, relay.url);
  const most = await capacity(() => call(storage, {}));
  const served = await goodput(() => call(storage, limits()), most * OVERLOAD);
  // None was, when the call came first that had waited longest.
  expect(served).toBeGreaterThan(most / 4);
  await storage.disconnect();
});
