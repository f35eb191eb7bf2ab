/** Connections that take longer to open than the calls that need them may take: they serve the calls that come later. */
import type { InternalError, PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { useDatabase } from './helpers/database';
import { expectCode } from './helpers/errors';
import { backendsOf, timeOf, until, whileLocked } from './helpers/failing';
import { eventInput, sessionInput, userInput } from './helpers/fixtures';
import { Relay } from './helpers/relay';

const db = useDatabase();
const NAME = 'slow-connections';
const OPENING_MS = 400;
const LIMIT = { timeoutMs: 100 };
let relay: Relay;

beforeAll(async () => {
  relay = await Relay.start(db.url);
});
beforeEach(() => {
  relay.delayOpening(OPENING_MS);
  relay.reset();
});
afterEach(async () => {
  relay.onMessage();
  await relay.heal();
});
afterAll(() => relay.close());

const adapter = (options = {}) => db.adapter({ application_name: NAME, ...options }, relay.url);
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const CALLS: [string, (storage: PostgresStorageAdapter) => Promise<unknown>][] = [
  ['a look-up', (storage) => storage.getUser('x', LIMIT)],
  ['a write that shares its statement', (storage) => storage.emitEvent(eventInput(), LIMIT)],
  ['a call with a statement of its own', (storage) => storage.listUsers(LIMIT)],
  ['a transaction', (storage) => storage.transaction((tx) => tx.getUser('x'), LIMIT)],
];

describe('a connection that is being opened when its call is given up', () => {
  it.each(CALLS)('serves the next ones: %s', async (_, call) => {
    const storage = adapter({ max: 2 });
    await expectCode(call(storage), 'cancelled');
    await until(() => storage.stats().connections.idle === 1);
    await until(() =>
      call(storage).then(
        () => true,
        () => false,
      ),
    );
    expect(relay.connections).toBe(1);
    await storage.disconnect();
  });

  it.each([
    ['on a connection of its own', {}],
    ['through a pooler', { pooler: 'transaction' }],
  ])(
    'serves the next ones also if the call is given up between connecting and its statement, %s',
    async (_, options) => {
      relay.delayOpening(0);
      let isOpen = false;
      relay.onMessage(({ from, type }) => {
        // The server is ready, and is asked which backend it is.
        if (isOpen && from === 'client') relay.delay(150);
        isOpen ||= type === 'Z';
        return 'pass';
      });
      const storage = adapter({ max: 2, ...options });
      await expectCode(storage.listUsers(LIMIT), 'cancelled');
      await until(() => storage.stats().connections.idle === 1);
      relay.onMessage();
      relay.delay(0);
      await storage.listUsers();
      expect(relay.connections).toBe(1);
      await storage.disconnect();
    },
  );

  it.each([64, 256])('counts like any other while %i calls are given up again and again', async (n) => {
    const storage = adapter({ max: 8 });
    const kindsDone = async () => {
      const calls = Array.from({ length: n }, (_, at) => CALLS[at % CALLS.length] as (typeof CALLS)[number]);
      const outcomes = await Promise.allSettled(calls.map(([, call]) => call(storage)));
      return new Set(calls.filter((_, at) => outcomes[at]?.status === 'fulfilled').map(([kind]) => kind)).size;
    };
    expect(await kindsDone()).toBe(0);
    await until(async () => (await kindsDone()) === CALLS.length);
    expect(storage.stats().connections.opened).toBeLessThanOrEqual(8);
    await storage.disconnect();
  });

  it.each(CALLS)('does not keep disconnect() waiting, nor is it there afterwards: %s', async (_, call) => {
    const storage = adapter();
    await expectCode(call(storage), 'cancelled');
    expect(await timeOf(storage.disconnect())).toBeLessThan(OPENING_MS / 2);
    await sleep(OPENING_MS);
    await until(async () => (await backendsOf(db, NAME)).length === 0);
  });

  it('is given up, too, if the server does not answer: another call may have its place', async () => {
    const storage = adapter({ max: 1 });
    relay.silence();
    await expectCode(storage.listUsers(LIMIT), 'cancelled');
    relay.allow();
    expect(await timeOf(storage.listUsers({ timeoutMs: 20_000 }))).toBeLessThan(5_000);
    await storage.disconnect();
  });
});

it('a call that waits for a lock does not keep disconnect() waiting, if it is given up while its connection is opened', async () => {
  relay.delayOpening(0);
  const locked = (await db.storage.createUser(userInput())).id;
  const other = (await db.storage.createUser(userInput())).id;
  // A connection serves one lease, so that whoever waits for a lock by itself needs another one.
  const storage = adapter({ maxUses: 1 });
  await whileLocked(db, 'SELECT FROM users WHERE id = $1 FOR UPDATE', [locked], async () => {
    const abort = new AbortController();
    const given = storage.createSession(sessionInput(locked), { signal: abort.signal });
    given.catch(() => undefined);
    const good = storage.createSession(sessionInput(other));
    await until(() => storage.stats().connections.opened > 0);
    relay.silence();
    await good;
    await until(() => storage.stats().connections.used > 0);
    await sleep(100);
    abort.abort();
    await expectCode(given, 'cancelled');
    expect(await timeOf(storage.disconnect())).toBeLessThan(1_000);
  });
});

it.each([
  [64, 10],
  [256, 10],
  [64, 8],
])('a server that forgot the first connections does not keep %i calls waiting, with a pool of %i', async (n, max) => {
  const storage = adapter({ max });
  relay.delayOpening(0);
  relay.silence();
  const calls = [
    ...Array.from({ length: n }, (_, at) => storage.getUser(`x${at}`)),
    ...Array.from({ length: n }, () => storage.emitEvent(eventInput())),
  ];
  await sleep(200);
  relay.allow();
  expect(await timeOf(Promise.all(calls))).toBeLessThan(5_000);
  // They still wait, and so does nobody else.
  expect(await timeOf(Promise.all([storage.getUser('y'), storage.emitEvent(eventInput())]))).toBeLessThan(500);
  expect(await timeOf(storage.disconnect())).toBeLessThan(1_000);
});

it.each([
  [10, 700, 2],
  [3, 300, 0],
  [1, 300, 0],
])(
  'calls that have just come are not told that the server was silent, since others had waited (pool of %i, %i ms to connect)',
  async (max, openingMs, maxRetries) => {
    const storage = adapter({ max, connectionTimeoutMillis: 1_000, maxRetries, application_name: 'young-calls' });
    relay.delayOpening(0);
    await storage.getUser('x');
    relay.delayOpening(openingMs);
    const early: unknown[] = [];
    for (let round = 0; round < 3; round += 1) {
      const calls: Promise<unknown>[] = [];
      const begun = performance.now();
      await whileLocked(db, 'LOCK TABLE users IN ACCESS EXCLUSIVE MODE', [], async (release) => {
        let isReleased = false;
        while (performance.now() - begun < 1_500) {
          const made = performance.now();
          const note = (error: InternalError) => {
            const waited = performance.now() - made;
            if (waited < 700 && /did not answer/.test(error.message))
              early.push(`${Math.round(waited)} ms: ${error.code} ${error.message}`);
          };
          calls.push(storage.getUser('x').catch(note));
          if (!isReleased && performance.now() - begun > 930) {
            isReleased = true;
            await db.query(
              `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'young-calls'`,
            );
            await release();
          }
          await sleep(10);
        }
      });
      await Promise.all(calls);
    }
    expect(early).toEqual([]);
    await storage.disconnect();
  },
  30_000,
);
