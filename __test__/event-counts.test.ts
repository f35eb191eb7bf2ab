/** countEvents: how many events of each type there were, by hour or by day. */
import type { EventInput } from '@kitiumai/auth-postgres';
import { useDatabase } from './helpers/database';
import { expectCode, expectInvalidInput } from './helpers/errors';
import { eventInput, unique } from './helpers/fixtures';
import { Relay } from './helpers/relay';

const db = useDatabase();

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const at = (time: string) => new Date(`2026-03-${time}Z`);
const from = at('01T00:00:00.000');
const to = at('05T00:00:00.000');

type Event = Partial<EventInput> & { type: string; timestamp: Date };
const emit = (events: Event[], storage: Pick<typeof db.storage, 'emitEvent'> = db.storage) =>
  Promise.all(events.map((event) => storage.emitEvent({ ...eventInput(), ...event } as EventInput)));

beforeEach(() => db.query('DELETE FROM auth_events'));

it('countEvents returns a count for each hour and type, sorted by both, and none for hours without events', async () => {
  await emit([
    { type: 'b', timestamp: at('02T10:59:59.999') },
    { type: 'a', timestamp: at('02T10:00:00.000') },
    { type: 'b', timestamp: at('02T10:00:00.000') },
    { type: 'ä', timestamp: at('02T10:30:00.000') },
    { type: 'a', timestamp: at('02T11:00:00.000') },
    { type: 'a', timestamp: at('01T23:00:00.000') },
  ]);
  await expect(db.storage.countEvents({ from, to })).resolves.toStrictEqual([
    { start: at('01T23:00:00.000'), type: 'a', count: 1 },
    { start: at('02T10:00:00.000'), type: 'a', count: 1 },
    { start: at('02T10:00:00.000'), type: 'b', count: 2 },
    { start: at('02T10:00:00.000'), type: 'ä', count: 1 },
    { start: at('02T11:00:00.000'), type: 'a', count: 1 },
  ]);
});

it('countEvents counts events from `from` on and before `to`, whose hours or days may be cut', async () => {
  await emit([
    { type: 'x', timestamp: at('02T10:29:59.999') },
    { type: 'x', timestamp: at('02T10:30:00.000') },
    { type: 'x', timestamp: at('03T10:29:59.999') },
    { type: 'x', timestamp: at('03T10:30:00.000') },
  ]);
  const range = { from: at('02T10:30:00.000'), to: at('03T10:30:00.000') };
  await expect(db.storage.countEvents(range)).resolves.toEqual([
    { start: at('02T10:00:00.000'), type: 'x', count: 1 },
    { start: at('03T10:00:00.000'), type: 'x', count: 1 },
  ]);
  await expect(db.storage.countEvents({ ...range, step: 'day' })).resolves.toEqual([
    { start: at('02T00:00:00.000'), type: 'x', count: 1 },
    { start: at('03T00:00:00.000'), type: 'x', count: 1 },
  ]);
  await expect(db.storage.countEvents({ from, to: from })).resolves.toEqual([]);
});

it('countEvents counts the 24 hours before `to`, which is now by the clock of the server', async () => {
  const now = Date.now();
  await emit([
    { type: 'recent', timestamp: new Date(now) },
    { type: 'old', timestamp: new Date(now - DAY - 60_000) },
    { type: 'future', timestamp: new Date(now + 60_000) },
    { type: 'given', timestamp: at('02T12:00:00.000') },
    { type: 'earlier', timestamp: at('02T11:59:59.999') },
  ]);
  const typesOf = async (options?: Parameters<typeof db.storage.countEvents>[0]) =>
    (await db.storage.countEvents(options)).map(({ type }) => type);
  await expect(typesOf()).resolves.toEqual(['recent']);
  await expect(typesOf({ from: null, to: null, step: null, types: null, orgId: null })).resolves.toEqual(['recent']);
  await expect(typesOf({ from: new Date(now - 2 * DAY) })).resolves.toEqual(['old', 'recent']);
  await expect(typesOf({ to: at('03T12:00:00.000') })).resolves.toEqual(['given']);
});

it('countEvents filters by types, organization and principal, alone and together', async () => {
  const [orgId, principalId] = [unique('org'), unique('principal')];
  const timestamp = at('02T10:00:00.000');
  await emit([
    { type: 'a', timestamp },
    { type: 'b', timestamp, orgId },
    { type: 'a', timestamp, principalId },
    { type: 'c', timestamp, orgId, principalId },
    { type: 'a', timestamp, orgId, principalId },
  ]);
  const countsOf = async (options: object) =>
    Object.fromEntries(
      (await db.storage.countEvents({ from, to, ...options })).map(({ type, count }) => [type, count]),
    );
  await expect(countsOf({})).resolves.toEqual({ a: 3, b: 1, c: 1 });
  await expect(countsOf({ types: ['a', 'c', 'a', 'none'] })).resolves.toEqual({ a: 3, c: 1 });
  await expect(countsOf({ types: [] })).resolves.toEqual({});
  await expect(countsOf({ orgId })).resolves.toEqual({ a: 1, b: 1, c: 1 });
  await expect(countsOf({ principalId })).resolves.toEqual({ a: 2, c: 1 });
  await expect(countsOf({ orgId, principalId })).resolves.toEqual({ a: 1, c: 1 });
  await expect(countsOf({ orgId, types: ['a', 'b'] })).resolves.toEqual({ a: 1, b: 1 });
  await expect(countsOf({ principalId, types: ['a'] })).resolves.toEqual({ a: 2 });
  await expect(countsOf({ orgId, principalId, types: ['a'] })).resolves.toEqual({ a: 1 });
  await expect(countsOf({ orgId: '', types: ['a'] })).resolves.toEqual({});
});

it('countEvents begins hours and days in UTC, whatever the time zone of the session', async () => {
  // Summer time begins there on the 29th, and the zone is half an hour off.
  const abroad = db.adapter({ options: '-c timezone=Australia/Adelaide' });
  await emit([
    { type: 'x', timestamp: at('28T23:59:59.999') },
    { type: 'x', timestamp: at('29T00:00:00.000') },
    { type: 'x', timestamp: at('29T02:30:00.000') },
  ]);
  const range = { from: at('28T00:00:00.000'), to: at('30T00:00:00.000') };
  for (const step of ['hour', 'day'] as const) {
    const here = await db.storage.countEvents({ ...range, step });
    await expect(abroad.countEvents({ ...range, step })).resolves.toEqual(here);
    expect(here.map(({ start }) => start.getTime() % (step === 'day' ? DAY : HOUR))).toEqual(here.map(() => 0));
  }
  // 24 hours before `to`, also over a change of the clock.
  const options = { to: at('29T23:59:59.999') };
  await expect(abroad.countEvents(options)).resolves.toEqual(await db.storage.countEvents(options));
});

it('countEvents finds events of the first and the last time that there can be', async () => {
  const [first, last] = [new Date('0001-01-01T00:00:00.000Z'), new Date('9999-12-31T23:59:59.998Z')];
  await emit([first, last].map((timestamp) => ({ type: 'x', timestamp })));
  const end = new Date(last.getTime() + 1);
  await expect(db.storage.countEvents({ from: first, to: new Date(first.getTime() + 1) })).resolves.toEqual([
    { start: first, type: 'x', count: 1 },
  ]);
  await expect(db.storage.countEvents({ to: first })).resolves.toEqual([]);
  await expect(db.storage.countEvents({ to: end })).resolves.toEqual([
    { start: new Date('9999-12-31T23:00:00.000Z'), type: 'x', count: 1 },
  ]);
});

it('countEvents rejects what it cannot count, and names the option', async () => {
  const { storage } = db;
  const count = (options: object) => storage.countEvents(options as never);
  for (const time of [new Date(Number.NaN), 'soon', 7, {}]) {
    await expectInvalidInput(count({ from: time }), 'from');
    await expectInvalidInput(count({ to: time }), 'to');
  }
  for (const step of ['minute', '', 1, {}, ['hour']]) await expectInvalidInput(count({ step }), 'step');
  await expectInvalidInput(count({ types: 'a' }), 'types');
  await expectInvalidInput(count({ types: {} }), 'types');
  await expectInvalidInput(count({ types: ['a', null] }), 'types[1]');
  await expectInvalidInput(count({ types: ['a\0'] }), 'types[0]');
  await expectInvalidInput(count({ types: Array.from({ length: 1_001 }, () => 'a') }), 'types');
  await expect(count({ types: Array.from({ length: 1_000 }, () => 'a') })).resolves.toEqual([]);
  await expectInvalidInput(count({ orgId: 7 }), 'orgId');
  await expectInvalidInput(count({ principalId: 'a\ud800' }), 'principalId');
  await expectInvalidInput(count({ type: 'a' }), 'type');
  await expectInvalidInput(storage.countEvents(7 as never), 'options');
});

it('countEvents rejects a time that is upside down or too long, with and without `to`', async () => {
  await expectInvalidInput(db.storage.countEvents({ from: new Date(to.getTime() + 1), to }), 'from');
  await expectInvalidInput(db.storage.countEvents({ from: new Date(Date.now() + HOUR) }), 'from');
  for (const [step, ms] of [
    ['hour', HOUR],
    ['day', DAY],
  ] as const) {
    const longest = new Date(to.getTime() - 1_000 * ms);
    await expect(db.storage.countEvents({ from: longest, to, step })).resolves.toEqual([]);
    // A thousand, and a part of one.
    await expectInvalidInput(db.storage.countEvents({ from: new Date(longest.getTime() - 1), to, step }), 'from');
    await expectInvalidInput(db.storage.countEvents({ from: longest, to: new Date(to.getTime() + 1), step }), 'from');
    await expect(db.storage.countEvents({ from: new Date(Date.now() - 998 * ms), step })).resolves.toEqual([]);
    await expectInvalidInput(db.storage.countEvents({ from: new Date(Date.now() - 1_001 * ms), step }), 'from');
  }
});

it('countEvents sends nothing that it can refuse itself, and one statement otherwise', async () => {
  const relay = await Relay.start(db.url);
  const storage = db.adapter({ max: 1 }, relay.url);
  await storage.countEvents();
  await storage.countEvents({ from: new Date(Date.now() - 2 * HOUR) });
  relay.reset();
  await expectInvalidInput(storage.countEvents({ from: to, to: from }), 'from');
  expect(relay.roundTrips).toBe(0);
  await expectInvalidInput(storage.countEvents({ from }), 'from');
  expect(relay.roundTrips).toBe(1);
  await storage.disconnect();
  await relay.close();
});

it('countEvents returns up to 50 000 counts, and rejects more with the option that makes them fewer', async () => {
  await db.query(
    `INSERT INTO auth_events (type, principal_id, timestamp)
     SELECT 'type ' || n % 50, 'p', timestamptz '2026-03-02T00:00Z' + (n / 50) * interval '1 hour'
       FROM generate_series(0, 49999) n`,
  );
  const range = { from: at('02T00:00:00.000'), to: new Date(at('02T00:00:00.000').getTime() + 1_000 * HOUR) };
  const counts = await db.storage.countEvents(range);
  expect(counts).toHaveLength(50_000);
  expect(counts.every(({ count }) => count === 1)).toBe(true);
  await emit([{ type: 'one more', timestamp: at('02T00:00:00.000') }]);
  await expectInvalidInput(db.storage.countEvents(range), 'types');
  await expect(db.storage.countEvents({ ...range, types: ['one more'] })).resolves.toHaveLength(1);
  await expect(db.storage.countEvents({ ...range, step: 'day' })).resolves.toHaveLength(42 * 50 + 1);
});

it('countEvents sees what its transaction has written, up to the moment of the call', async () => {
  await db.storage.transaction(async (tx) => {
    await tx.countEvents();
    await new Promise((resolve) => setTimeout(resolve, 20));
    await emit([{ type: 'inside', timestamp: new Date() }], tx);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await expect(tx.countEvents()).resolves.toMatchObject([{ type: 'inside', count: 1 }]);
    await expect(db.storage.countEvents()).resolves.toEqual([]);
  });
  await expect(db.storage.countEvents()).resolves.toMatchObject([{ type: 'inside', count: 1 }]);
});

it('countEvents takes a signal and a limit of time', async () => {
  const controller = new AbortController();
  controller.abort();
  await expectCode(db.storage.countEvents({ signal: controller.signal }), 'cancelled');
  await expectInvalidInput(db.storage.countEvents({ timeoutMs: -1 }), 'timeoutMs');
  await expect(db.storage.countEvents({ timeoutMs: 60_000, signal: null })).resolves.toEqual([]);
});
