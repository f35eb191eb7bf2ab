/** The methods for two-factor devices, backup codes and two-factor sessions. */
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

it('listTwoFactorDevices lists devices in a fixed order, and updateTwoFactorDevice replaces metadata as a whole', async () => {
  const { id } = await db.storage.createUser({});
  const devices = await Promise.all([1, 2, 3].map(() => db.storage.createTwoFactorDevice(totpDeviceInput(id))));
  const order = await tie(db, 'twofa_devices', devices);
  expect(ids(await db.storage.listTwoFactorDevices(id))).toEqual(order);
  const updated = await db.storage.updateTwoFactorDevice(devices[0]?.id as string, { metadata: { smsCode: null } });
  expect(updated.metadata).toStrictEqual({ smsCode: null });
});

it('createBackupCodes replaces the codes of a user, keeps given ids and the order, and rejects another user’s ids', async () => {
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

it('completeTwoFactorSession succeeds once, before the expiry, and while attempts are left', async () => {
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

it('incrementTwoFactorSessionAttempts counts up to 2 147 483 647, and then stays there', async () => {
  const most = 2_147_483_647;
  const { id } = await db.storage.createTwoFactorSession(
    twoFactorSessionInput(userId, world.deviceId, { attemptCount: most - 1, maxAttempts: most }),
  );
  for (const _ of [1, 2, 3]) await expect(db.storage.incrementTwoFactorSessionAttempts(id)).resolves.toBe(most);
});

it('createTwoFactorDevice rejects an unknown method, wrong fields and an unknown user', async () => {
  const make = (overrides: object) => db.storage.createTwoFactorDevice(totpDeviceInput(userId, overrides) as never);
  await expectInvalidInput(make({ method: 'pigeon' }), 'method');
  await expectInvalidInput(make({ verified: 'yes' }), 'verified');
  await expectInvalidInput(make({ lastUsedAt: 'yesterday' }), 'lastUsedAt');
  await expectInvalidInput(make({ verificationCodeExpiresAt: 5 }), 'verificationCodeExpiresAt');
  await expectCode(make({ userId: unique('nobody') }), 'invalid_reference', { field: 'userId' });
  expect(await db.storage.listTwoFactorDevices(unique('nobody'))).toEqual([]);
  expect(await db.storage.listTwoFactorDevices('')).toEqual([]);
});

it('deleteTwoFactorDevice deletes the sessions of the device', async () => {
  const { id: deviceId } = await db.storage.createTwoFactorDevice(totpDeviceInput(userId));
  const { id } = await db.storage.createTwoFactorSession(twoFactorSessionInput(userId, deviceId));
  await db.storage.deleteTwoFactorDevice(deviceId);
  expect(await db.storage.getTwoFactorSession(id)).toBeNull();
});

it('markBackupCodeUsed accepts a code once, and getBackupCodes returns when it was used', async () => {
  const { id: owner } = await db.storage.createUser({});
  const [code] = await db.storage.createBackupCodes(owner, ['hash']);
  await expect(db.storage.markBackupCodeUsed(code?.id as string)).resolves.toBeUndefined();
  await expectCode(db.storage.markBackupCodeUsed(code?.id as string), 'already_used');
  expect(await db.storage.getBackupCodes(owner)).toStrictEqual([{ ...code, used: true, usedAt: expect.any(Date) }]);
  expect(await db.storage.getBackupCodes(unique('nobody'))).toEqual([]);
});

it('createBackupCodes leaves the old codes in place when one of the new ones is invalid', async () => {
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

it('createTwoFactorSession allows five attempts by default, accepts a code of any length, and rejects wrong fields', async () => {
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

it('createTwoFactorDevice and updateTwoFactorDevice require a secret for the method totp', async () => {
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

it('updateTwoFactorDevice changes a TOTP device without a secret, as version 3.x may have left it', async () => {
  const id = unique('device');
  await db.query(`INSERT INTO twofa_devices (id, user_id, method) VALUES ($1, $2, 'totp')`, [id, userId]);
  await expect(db.storage.updateTwoFactorDevice(id, { name: 'old' })).resolves.toMatchObject({ name: 'old' });
  await expect(db.storage.updateTwoFactorDevice(id, { secret: 'BASE32' })).resolves.toMatchObject({ name: 'old' });
  await expectInvalidInput(db.storage.updateTwoFactorDevice(id, { secret: null }), 'secret');
});

it.each(['user_id', 'userid', 'phone_number', 'lastUsedat', 'verfied', 'nmae', 'metdata', 'verificationCodeExpiresat'])(
  'createTwoFactorDevice rejects the unknown field %s',
  async (key) => {
    await expectInvalidInput(db.storage.createTwoFactorDevice(totpDeviceInput(userId, { [key]: true }) as never), key);
  },
);
