/** useTwoFactorStep: the code of a time step (RFC 6238) is accepted once only. */
import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { Client } from 'pg';
import { useDatabase } from './helpers/database';
import { expectCode, expectInvalidInput } from './helpers/errors';
import { backendsOf, until, whileLocked } from './helpers/failing';
import { totpDeviceInput, unique } from './helpers/fixtures';
import { race } from './helpers/race';

const db = useDatabase();
const LARGEST = 2 ** 53 - 1;
let userId: string;

beforeAll(async () => {
  ({ id: userId } = await db.storage.createUser({}));
});

const makeDevice = () => db.storage.createTwoFactorDevice(totpDeviceInput(userId, { lastUsedAt: new Date(0) }));

async function storedStep(deviceId: string): Promise<number | undefined> {
  const [row] = await db.query<{ step: string }>('SELECT step FROM twofa_steps WHERE device_id = $1', [deviceId]);
  return row && Number(row.step);
}

it('useTwoFactorStep accepts a step once, and none before the latest one used', async () => {
  const { id } = await makeDevice();
  await expect(db.storage.useTwoFactorStep(id, 100)).resolves.toBeUndefined();
  await expectCode(db.storage.useTwoFactorStep(id, 100), 'already_used');
  await expectCode(db.storage.useTwoFactorStep(id, 99), 'already_used');
  expect(await storedStep(id)).toBe(100);
  await db.storage.useTwoFactorStep(id, 102);
  await expectCode(db.storage.useTwoFactorStep(id, 101), 'already_used');
  expect(await storedStep(id)).toBe(102);
});

it('useTwoFactorStep takes steps from 0 to 2^53 - 1, and keeps them exactly', async () => {
  const { id } = await makeDevice();
  for (const step of [0, LARGEST - 1, LARGEST]) {
    await db.storage.useTwoFactorStep(id, step);
    expect(await storedStep(id)).toBe(step);
    await expectCode(db.storage.useTwoFactorStep(id, step), 'already_used');
  }
});

it.each([
  -1,
  0.5,
  LARGEST + 1,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  '7',
  null,
  undefined,
  true,
  7n,
  {},
  [],
  new Date(),
])('useTwoFactorStep rejects the step %p and writes nothing', async (step) => {
  const { id } = await makeDevice();
  await expectInvalidInput(db.storage.useTwoFactorStep(id, step as number), 'step');
  expect(await storedStep(id)).toBeUndefined();
});

it('useTwoFactorStep rejects with not_found for an unknown device', async () => {
  await expectCode(db.storage.useTwoFactorStep(unique('none'), 1), 'not_found');
  await expectCode(db.storage.useTwoFactorStep('', 1), 'not_found');
});

it('the steps of one device say nothing about those of another', async () => {
  const [one, other] = await Promise.all([makeDevice(), makeDevice()]);
  await db.storage.useTwoFactorStep(one.id, 5);
  await db.storage.useTwoFactorStep(other.id, 5);
  await expectCode(db.storage.useTwoFactorStep(one.id, 5), 'already_used');
});

it('useTwoFactorStep leaves the record of the device as it is', async () => {
  const device = await makeDevice();
  await db.storage.useTwoFactorStep(device.id, 7);
  expect(await db.storage.getTwoFactorDevice(device.id)).toStrictEqual(device);
});

it('a step goes with its device, and a new device of the same id begins anew', async () => {
  const { id } = await makeDevice();
  await db.storage.useTwoFactorStep(id, 9);
  await db.storage.deleteTwoFactorDevice(id);
  expect(await storedStep(id)).toBeUndefined();
  await expectCode(db.storage.useTwoFactorStep(id, 10), 'not_found');
  await db.storage.createTwoFactorDevice(totpDeviceInput(userId, { id }));
  await db.storage.useTwoFactorStep(id, 9);
});

describe.each([64, 256])('of %i concurrent calls', (callers) => {
  const adapters = () => [db.storage, db.adapter(), db.adapter(), db.adapter()];

  it('with the same step exactly one succeeds', async () => {
    const { id } = await makeDevice();
    for (const step of [1, 2, 3]) {
      const outcome = await race(callers, adapters(), (storage: PostgresStorageAdapter) =>
        storage.useTwoFactorStep(id, step),
      );
      expect(outcome.fulfilled).toHaveLength(1);
      expect(new Set(outcome.rejected.map(({ code }) => code))).toEqual(new Set(['auth_postgres/already_used']));
    }
  });

  it('with different steps those that succeed are never used twice, and the latest one always succeeds', async () => {
    const { id } = await makeDevice();
    const won: number[] = [];
    const outcome = await race(callers, adapters(), async (storage: PostgresStorageAdapter, at) => {
      const step = at % 16;
      await storage.useTwoFactorStep(id, step);
      won.push(step);
    });
    expect(new Set(outcome.rejected.map(({ code }) => code))).toEqual(new Set(['auth_postgres/already_used']));
    expect(new Set(won).size).toBe(won.length);
    expect(Math.max(...won)).toBe(15);
    expect(await storedStep(id)).toBe(15);
  });
});

it('useTwoFactorStep and an edit of the device do not wait for each other', async () => {
  const { id } = await makeDevice();
  const storage = db.adapter({ statementTimeoutMs: 2_000, maxRetries: 0 });
  await whileLocked(db, `UPDATE twofa_devices SET name = 'edited' WHERE id = $1`, [id], () =>
    storage.useTwoFactorStep(id, 1),
  );
  await storage.transaction(async (tx) => {
    await tx.useTwoFactorStep(id, 2);
    await expect(storage.updateTwoFactorDevice(id, { name: 'later' })).resolves.toMatchObject({ name: 'later' });
  });
});

it('useTwoFactorStep rejects with not_found if the device is deleted meanwhile, and wins if the deletion is undone', async () => {
  const name = unique('deleted');
  const storage = db.adapter({ application_name: name });
  for (const [end, isGone] of [
    ['COMMIT', true],
    ['ROLLBACK', false],
  ] as const) {
    const { id } = await makeDevice();
    await db.storage.useTwoFactorStep(id, 1);
    const client = new Client({ connectionString: db.url });
    await client.connect();
    await client.query('BEGIN');
    await client.query('DELETE FROM twofa_devices WHERE id = $1', [id]);
    const used = storage.useTwoFactorStep(id, 2);
    used.catch(() => undefined);
    await until(async () => (await backendsOf(db, name, { waiting: true })).length === 1);
    await client.query(end);
    await client.end();
    if (isGone) await expectCode(used, 'not_found');
    else await used;
    expect(await storedStep(id)).toBe(isGone ? undefined : 2);
  }
});
