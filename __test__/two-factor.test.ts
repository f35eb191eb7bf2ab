/** Two-factor: devices, backup codes and sessions. */
import { useDatabase } from './helpers/database';
import { expectCode, expectInvalidInput } from './helpers/errors';
import { makeWorld, type World } from './helpers/families';
import { anHourAgo, smsDeviceInput, totpDeviceInput, twoFactorSessionInput, unique } from './helpers/fixtures';
import { ids, tie } from './helpers/order';

const db = useDatabase();
let world: World;
let userId: string;

beforeAll(async () => {
  world = await makeWorld(db.storage);
  ({ userId } = world);
});

it('devices are listed in order, and their metadata is replaced whole', async () => {
  const { id } = await db.storage.createUser({});
  const devices = await Promise.all([1, 2, 3].map(() => db.storage.createTwoFactorDevice(totpDeviceInput(id))));
  const order = await tie(db, 'twofa_devices', devices);
  expect(ids(await db.storage.listTwoFactorDevices(id))).toEqual(order);
  const updated = await db.storage.updateTwoFactorDevice(devices[0]?.id as string, { metadata: { smsCode: null } });
  expect(updated.metadata).toStrictEqual({ smsCode: null });
});

it('backup codes are replaced as a set, and keep ids and order', async () => {
  const { id } = await db.storage.createUser({});
  const given = [{ id: unique('z'), code: '1' }, { id: unique('a'), code: '2', used: true }, '3'];
  const codes = await db.storage.createBackupCodes(id, given);
  expect(codes).toMatchObject([
    { ...(given[0] as object), used: false },
    { ...(given[1] as object), usedAt: expect.any(Date) },
    { code: '3', userId: id },
  ]);
  expect(await db.storage.getBackupCodes(id)).toStrictEqual(codes);
  expect(await db.storage.createBackupCodes(id, [{ ...codes[0], userId: id } as never])).toHaveLength(1);
  await expectInvalidInput(db.storage.createBackupCodes(id, [{ userId, code: 'x' }]), 'codes[0].userId');
  await expectCode(db.storage.createBackupCodes(userId, [{ id: codes[0]?.id as string, code: 'x' }]), 'conflict');
  await expectCode(db.storage.createBackupCodes(unique('nobody'), ['x']), 'invalid_reference', { field: 'userId' });
  await expectCode(db.storage.markBackupCodeUsed(unique('none')), 'not_found');
  expect(await db.storage.createBackupCodes(id, [])).toEqual([]);
  expect(await db.storage.getBackupCodes(id)).toEqual([]);
});

it('sessions are completed once, in time, within their attempts', async () => {
  const make = (overrides: object) =>
    db.storage.createTwoFactorSession(twoFactorSessionInput(userId, world.deviceId, overrides));
  const session = await make({});
  await expect(db.storage.incrementTwoFactorSessionAttempts(session.id)).resolves.toBe(1);
  await db.storage.completeTwoFactorSession(session.id);
  expect(await db.storage.getTwoFactorSession(session.id)).toMatchObject({
    completedAt: expect.any(Date),
    attemptCount: 1,
  });
  await expectCode(db.storage.completeTwoFactorSession(session.id), 'already_used');
  await expectCode(db.storage.incrementTwoFactorSessionAttempts(session.id), 'already_used');
  const late = await make({ expiresAt: anHourAgo() });
  await expectCode(db.storage.completeTwoFactorSession(late.id), 'expired');
  await expectCode(db.storage.incrementTwoFactorSessionAttempts(late.id), 'expired');
  expect(await db.storage.getTwoFactorSession(late.id)).toBeNull();
  const tried = await make({ maxAttempts: 1 });
  await db.storage.incrementTwoFactorSessionAttempts(tried.id);
  await expectCode(db.storage.incrementTwoFactorSessionAttempts(tried.id), 'expired');
  await expectCode(db.storage.completeTwoFactorSession(tried.id), 'expired');
  await expectCode(db.storage.completeTwoFactorSession(unique('none')), 'not_found');
});

it('sessions count attempts up to 2 147 483 647, and then stay there', async () => {
  const most = 2_147_483_647;
  const { id } = await db.storage.createTwoFactorSession(
    twoFactorSessionInput(userId, world.deviceId, { attemptCount: most - 1, maxAttempts: most }),
  );
  for (const _ of [1, 2, 3]) await expect(db.storage.incrementTwoFactorSessionAttempts(id)).resolves.toBe(most);
});

it('devices of a method that is none, or of nobody, are refused', async () => {
  const make = (overrides: object) => db.storage.createTwoFactorDevice(totpDeviceInput(userId, overrides) as never);
  await expectInvalidInput(make({ method: 'pigeon' }), 'method');
  await expectInvalidInput(make({ verified: 'yes' }), 'verified');
  await expectInvalidInput(make({ lastUsedAt: 'yesterday' }), 'lastUsedAt');
  await expectInvalidInput(make({ verificationCodeExpiresAt: 5 }), 'verificationCodeExpiresAt');
  await expectCode(make({ userId: unique('nobody') }), 'invalid_reference', { field: 'userId' });
  expect(await db.storage.listTwoFactorDevices(unique('nobody'))).toEqual([]);
  expect(await db.storage.listTwoFactorDevices('')).toEqual([]);
});

it('a device takes its sessions along', async () => {
  const { id: deviceId } = await db.storage.createTwoFactorDevice(totpDeviceInput(userId));
  const { id } = await db.storage.createTwoFactorSession(twoFactorSessionInput(userId, deviceId));
  await db.storage.deleteTwoFactorDevice(deviceId);
  expect(await db.storage.getTwoFactorSession(id)).toBeNull();
});

it('a backup code is used once, and then says when', async () => {
  const { id: owner } = await db.storage.createUser({});
  const [code] = await db.storage.createBackupCodes(owner, ['hash']);
  await expect(db.storage.markBackupCodeUsed(code?.id as string)).resolves.toBeUndefined();
  await expectCode(db.storage.markBackupCodeUsed(code?.id as string), 'already_used');
  expect(await db.storage.getBackupCodes(owner)).toStrictEqual([{ ...code, used: true, usedAt: expect.any(Date) }]);
  expect(await db.storage.getBackupCodes(unique('nobody'))).toEqual([]);
});

it('a set of backup codes is replaced whole or not at all', async () => {
  const { id: owner } = await db.storage.createUser({});
  const before = await db.storage.createBackupCodes(owner, ['a', 'b']);
  const twice = unique('twice');
  await expectInvalidInput(
    db.storage.createBackupCodes(owner, [
      { id: twice, code: 'c' },
      { id: twice, code: 'd' },
    ]),
    'codes[1].id',
  );
  await expectInvalidInput(db.storage.createBackupCodes(owner, ['c', { code: 7 } as never]), 'codes[1].code');
  await expectInvalidInput(
    db.storage.createBackupCodes(owner, ['c', { code: 'd', used: 'no' } as never]),
    'codes[1].used',
  );
  await expectInvalidInput(db.storage.createBackupCodes(owner, [null as never]), 'codes[0]');
  expect(await db.storage.getBackupCodes(owner)).toStrictEqual(before);
});

it('sessions take a code of any length, and default to five attempts', async () => {
  const { verificationCode, attemptCount, maxAttempts, ...bare } = twoFactorSessionInput(userId, world.deviceId);
  const session = await db.storage.createTwoFactorSession(bare);
  expect(session).toMatchObject({ attemptCount: 0, maxAttempts: 5 });
  expect(session).not.toHaveProperty('verificationCode');
  const long = 'x'.repeat(5_000);
  await expect(db.storage.createTwoFactorSession({ ...bare, verificationCode: long })).resolves.toMatchObject({
    verificationCode: long,
  });
  await expectInvalidInput(db.storage.createTwoFactorSession({ ...bare, attemptCount: -1 }), 'attemptCount');
  await expectInvalidInput(db.storage.createTwoFactorSession({ ...bare, maxAttempts: 1.5 }), 'maxAttempts');
  await expectInvalidInput(db.storage.createTwoFactorSession({ ...bare, method: 'x' as never }), 'method');
  await expectCode(db.storage.incrementTwoFactorSessionAttempts(unique('none')), 'not_found');
});

it('a TOTP device needs its secret, and keeps it', async () => {
  const create = (overrides: object) => db.storage.createTwoFactorDevice(totpDeviceInput(userId, overrides) as never);
  for (const secret of [undefined, null, '']) await expectInvalidInput(create({ secret }), 'secret');
  const error = await expectInvalidInput(create({ secrt: 'BASE32' }), 'secrt');
  expect(error.message).toContain('did you mean `secret`?');
  const { id } = await create({});
  for (const secret of [null, '']) {
    await expectInvalidInput(db.storage.updateTwoFactorDevice(id, { secret }), 'secret');
  }
  await expect(db.storage.updateTwoFactorDevice(id, { secret: 'NEW' })).resolves.toMatchObject({ secret: 'NEW' });
  const sms = await db.storage.createTwoFactorDevice(smsDeviceInput(userId));
  await expectInvalidInput(db.storage.updateTwoFactorDevice(sms.id, { method: 'totp' }), 'secret');
  await expect(db.storage.updateTwoFactorDevice(sms.id, { method: 'totp', secret: 'BASE32' })).resolves.toMatchObject({
    method: 'totp',
    secret: 'BASE32',
  });
  await expect(db.storage.updateTwoFactorDevice(sms.id, { method: 'sms', secret: null })).resolves.not.toHaveProperty(
    'secret',
  );
});

it('a TOTP device without a secret, which 3.x allowed, can still be changed', async () => {
  const id = unique('device');
  await db.query(`INSERT INTO twofa_devices (id, user_id, method) VALUES ($1, $2, 'totp')`, [id, userId]);
  await expect(db.storage.updateTwoFactorDevice(id, { name: 'old' })).resolves.toMatchObject({ name: 'old' });
  await expect(db.storage.updateTwoFactorDevice(id, { secret: 'BASE32' })).resolves.toMatchObject({ name: 'old' });
  await expectInvalidInput(db.storage.updateTwoFactorDevice(id, { secret: null }), 'secret');
});

it.each(['user_id', 'userid', 'phone_number', 'lastUsedat', 'verfied', 'nmae', 'metdata', 'verificationCodeExpiresat'])(
  'a device has no field %s',
  async (key) => {
    await expectInvalidInput(db.storage.createTwoFactorDevice(totpDeviceInput(userId, { [key]: true }) as never), key);
  },
);
