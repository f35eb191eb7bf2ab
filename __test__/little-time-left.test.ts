/** Calls that come all the time, and wait so long for their turn that little time is left: they do not take connections with them. */
import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import type { AdapterOptions } from './helpers/database';
import { useDatabase } from './helpers/database';
import { until } from './helpers/failing';
import { Relay } from './helpers/relay';

const db = useDatabase();
const CALLS: [string, (storage: PostgresStorageAdapter) => Promise<unknown>][] = [
  ['look-ups', (storage) => storage.getUser('x')],
  ['calls with a statement of their own', (storage) => storage.listUsers()],
  ['transactions', (storage) => storage.transaction((tx) => tx.getUser('x'))],
];
const WAYS: [string, AdapterOptions][] = [
  ['on connections of their own', {}],
  ['through a pooler', { pooler: 'transaction' }],
];
const CASES = CALLS.flatMap(([calls, call]) => WAYS.map(([way, options]) => ({ calls, call, way, options })));
/** How long a message takes to the server, and back again. */
const ONE_WAY_MS = 15;
const LIMIT_MS = 600;
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** More calls than can be served, until the work has ended. It is told how many have succeeded. */
async function underLoad(
  call: () => Promise<unknown>,
  work: (succeeded: () => number) => Promise<unknown>,
): Promise<void> {
  let succeeded = 0;
  let isOver = false;
  const calls: Promise<unknown>[] = [];
  const load = async () => {
    for (; !isOver; await sleep(4)) {
      const count = () => {
        succeeded += 1;
      };
      calls.push(call().then(count, () => undefined));
    }
  };
  const loading = load();
  await work(() => succeeded);
  isOver = true;
  await loading;
  await Promise.all(calls);
}

let relay: Relay;
beforeAll(async () => {
  relay = await Relay.start(db.url);
});
beforeEach(() => relay.delay(ONE_WAY_MS));
afterEach(() => relay.heal());
afterAll(() => relay.close());

const adapter = (options: AdapterOptions) =>
  db.adapter({ max: 2, maxRetries: 0, connectionTimeoutMillis: LIMIT_MS, ...options }, relay.url);

it.each(CASES)('$calls are served again after a time without an answer, $way', async ({ call, options }) => {
  const storage = adapter(options);
  relay.silence();
  await underLoad(
    () => call(storage),
    async (succeeded) => {
      await sleep(LIMIT_MS * 3);
      relay.allow();
      await until(() => succeeded() >= 10);
    },
  );
  await storage.disconnect();
});

it.each(CASES)('$calls are served while there are too many of them, $way', async ({ call, options }) => {
  const storage = adapter(options);
  await underLoad(
    () => call(storage),
    async (succeeded) => {
      await sleep(LIMIT_MS * 3);
      const before = succeeded();
      await until(() => succeeded() >= before + 10);
    },
  );
  expect(storage.stats().connections.opened).toBeLessThanOrEqual(2);
  await storage.disconnect();
});
