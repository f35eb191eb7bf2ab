import fc from 'fast-check';
import { call, callOf } from '../call';
import { edit, input, patch } from '../records';
import { hostile, id, jsonObject, key, natural, readId, text, time, writtenId } from '../values';

const method = fc.constantFrom('totp', 'sms', 'backup-code');
const verified = fc.boolean();
const MAY = {
  name: text,
  phoneNumber: text,
  secret: text,
  lastUsedAt: time,
  metadata: jsonObject,
  verificationCode: fc.oneof(text, hostile),
  verificationCodeExpiresAt: time,
  backupCodesUsed: fc.oneof(natural, hostile),
  user_id: hostile,
};

const device = fc.oneof(
  { weight: 3, arbitrary: input({ userId: id, method, secret: text }, { ...MAY, verified }) },
  { weight: 1, arbitrary: input({ userId: id, method }, { ...MAY, verified }) },
);
const change = patch('devices', { userId: id, method, verified }, MAY);

const code = fc.oneof(
  { weight: 4, arbitrary: text },
  {
    weight: 4,
    arbitrary: fc.record(
      { id: fc.oneof(key, fc.constant(null)), code: text, used: verified, usedAt: time },
      { requiredKeys: ['code'], noNullPrototype: true },
    ),
  },
  { weight: 1, arbitrary: input({ code: text }, { userId: id, used: hostile }) },
  { weight: 1, arbitrary: hostile },
);
const goodCodes = fc.array(text, { maxLength: 4 });
const codes = fc.oneof(
  { weight: 3, arbitrary: goodCodes },
  { weight: 3, arbitrary: fc.array(code, { maxLength: 4 }) },
  { weight: 1, arbitrary: hostile },
);

const attempts = fc.oneof(fc.nat(3), natural);
const session = input(
  { userId: id, sessionId: key, deviceId: fc.oneof(fc.constant('a'), id), method, expiresAt: time },
  { verificationCode: text, attemptCount: attempts, maxAttempts: attempts, completedAt: time },
);

const step = fc.oneof(fc.nat(6), natural, fc.constantFrom(2 ** 53 - 1), hostile);

export const twoFactor = [
  call('createTwoFactorDevice', device),
  call('createTwoFactorDevice', device),
  call('getTwoFactorDevice', readId),
  call('updateTwoFactorDevice', readId, change),
  call('updateTwoFactorDevice', id, change),
  callOf('updateTwoFactorDevice', edit('devices', change)),
  call('listTwoFactorDevices', readId),
  call('deleteTwoFactorDevice', readId),
  call('useTwoFactorStep', readId, step),
  call('useTwoFactorStep', id, fc.nat(6)),
  call('createTwoFactorSession', session),
  call('createTwoFactorSession', session),
  call('getTwoFactorSession', readId),
  call('completeTwoFactorSession', readId),
  call('completeTwoFactorSession', id),
  call('incrementTwoFactorSessionAttempts', readId),
  call('incrementTwoFactorSessionAttempts', id),
];

export const backupCodes = [
  call('createBackupCodes', writtenId, codes),
  call('createBackupCodes', fc.constantFrom('a', 'b'), goodCodes),
  call('getBackupCodes', readId),
  call('markBackupCodeUsed', readId),
  call('markBackupCodeUsed', id),
];
