/** The method emitEvent, and the table of events. */
import { useDatabase } from './helpers/database';
import { expectInvalidInput } from './helpers/errors';
import { eventInput, unique } from './helpers/fixtures';

const db = useDatabase();

it('emitEvent stores an event with the values given', async () => {
  const event = eventInput();
  await expect(db.storage.emitEvent(event)).resolves.toBeUndefined();
  await db.storage.emitEvent({ ...(event as object), orgId: undefined } as never);
  const rows = await db.query(
    'SELECT type, org_id, data, timestamp FROM auth_events WHERE principal_id = $1 ORDER BY id',
    [event.principalId],
  );
  const row = { type: event.type, data: event.data, timestamp: event.timestamp };
  expect(rows).toEqual([
    { ...row, org_id: event.orgId },
    { ...row, org_id: null },
  ]);
});

it('emitEvent rejects an event without type, principal, data or time, and one with unknown or wrong fields', async () => {
  const count = async () => (await db.query('SELECT count(*)::int AS n FROM auth_events'))[0].n;
  const before = await count();
  for (const field of ['type', 'principalId', 'data', 'timestamp']) {
    for (const nothing of [undefined, null]) {
      await expectInvalidInput(db.storage.emitEvent({ ...(eventInput() as object), [field]: nothing } as never), field);
    }
  }
  await expectInvalidInput(db.storage.emitEvent({ ...(eventInput() as object), extra: 1 } as never), 'extra');
  await expectInvalidInput(db.storage.emitEvent(eventInput({ principalId: '' })), 'principalId');
  await expectInvalidInput(db.storage.emitEvent(eventInput({ timestamp: new Date(Number.NaN) })), 'timestamp');
  await expectInvalidInput(db.storage.emitEvent(eventInput({ data: [] as never })), 'data');
  expect(await count()).toBe(before);
});

it('emitEvent accepts a principal that does not exist, and ids follow the order of the calls', async () => {
  const principalId = unique('stranger');
  for (const type of ['a', 'b', 'c']) await db.storage.emitEvent(eventInput({ type, principalId }));
  const rows = await db.query('SELECT type, id FROM auth_events WHERE principal_id = $1 ORDER BY id', [principalId]);
  expect(rows.map(({ type }) => type)).toEqual(['a', 'b', 'c']);
});

it('emitEvent works when ids exceed 32 bits', async () => {
  await db.query(`ALTER SEQUENCE auth_events_id_seq RESTART WITH 5000000000`);
  const { principalId } = eventInput();
  await db.storage.emitEvent(eventInput({ principalId }));
  expect(await db.query('SELECT id FROM auth_events WHERE principal_id = $1', [principalId])).toEqual([
    { id: '5000000000' },
  ]);
});

it('emitEvent stores each of 54 events made at once, and rejects 6 bad ones among them', async () => {
  const principalId = unique('crowd');
  const calls = Array.from({ length: 60 }, (_, at) =>
    at % 10 === 0
      ? expectInvalidInput(db.storage.emitEvent(eventInput({ principalId, data: { at: '\0' } })), 'data')
      : db.storage.emitEvent(eventInput({ principalId, data: { at } })),
  );
  await Promise.all(calls);
  const rows = await db.query('SELECT data FROM auth_events WHERE principal_id = $1', [principalId]);
  expect(rows).toHaveLength(54);
});
