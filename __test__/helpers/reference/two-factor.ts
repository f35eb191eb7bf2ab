import {
  bool,
  defaulted,
  key,
  largeNatural,
  metadata,
  natural,
  newId,
  oneOf,
  optional,
  type Row,
  readText,
  required,
  text,
  time,
} from './fields';
import { plainOf } from './plain';
import { type Fault, Faults, refuse } from './refusal';
import { insert, isExpired, newestFirst, one, readRecord, type State, update, visible } from './state';

const METHOD = oneOf('totp', 'sms', 'backup-code');

const DEVICE = {
  fields: {
    id: newId,
    userId: required(key),
    method: required(METHOD),
    name: optional(text),
    verified: defaulted(bool, false),
    phoneNumber: optional(text),
    secret: optional(text),
    lastUsedAt: optional(time),
    verificationCodeExpiresAt: optional(time),
    metadata: metadata(),
  },
  ours: ['createdAt', 'updatedAt'],
  isOpen: true,
};

const SESSION = {
  fields: {
    id: newId,
    userId: required(key),
    sessionId: required(key),
    deviceId: required(key),
    method: required(METHOD),
    verificationCode: optional(text),
    attemptCount: defaulted(natural, 0),
    maxAttempts: defaulted(natural, 5),
    expiresAt: required(time),
    completedAt: optional(time),
  },
  ours: ['createdAt', 'updatedAt'],
};

const lacksSecret = ({ method, secret }: Row) => method === 'totp' && (secret === undefined || secret === '');

export function twoFactor(state: State) {
  const userFaults = ({ userId }: Row): Fault[] =>
    state.users.has(userId as string) ? [] : [{ code: 'invalid_reference', field: 'userId' }];
  const sessionFaults = (session: Row): Fault[] => [
    ...userFaults(session),
    ...(state.devices.has(session.deviceId as string)
      ? []
      : [{ code: 'invalid_reference', field: 'deviceId' } as const]),
  ];
  /** A session that can still be tried at. */
  const pending = (id: unknown): Row => {
    const session = state.twoFactorSessions.get(one(id, 'id')) ?? refuse('not_found');
    if (session.completedAt !== undefined) refuse('already_used');
    if (isExpired(session)) refuse('expired');
    return session;
  };

  return {
    async createTwoFactorDevice(device: unknown) {
      const record = readRecord(device, 'device', DEVICE);
      if (lacksSecret(record)) refuse('invalid_input', 'secret');
      return visible(insert(state, state.devices, record, userFaults(record), ['createdAt', 'updatedAt']));
    },

    async getTwoFactorDevice(id: unknown) {
      const device = state.devices.get(one(id, 'id'));
      return device ? visible(device) : null;
    },

    async updateTwoFactorDevice(id: unknown, patch: unknown, options?: unknown) {
      const constraints = (device: Row): Fault[] =>
        lacksSecret(device) ? [{ code: 'invalid_input', field: 'secret' }] : userFaults(device);
      return visible(update(state, state.devices, [id, patch, options], DEVICE, constraints));
    },

    async listTwoFactorDevices(userId: unknown) {
      const user = one(userId, 'userId');
      const devices = [...state.devices.values()].filter((device) => device.userId === user);
      return newestFirst(devices).map((device) => visible(device));
    },

    async deleteTwoFactorDevice(id: unknown) {
      const gone = one(id, 'id');
      state.deleteWhere(state.devices, (device) => device.id === gone);
    },

    async useTwoFactorStep(deviceId: unknown, step: unknown) {
      const faults = new Faults();
      const device = readText(deviceId, 'deviceId', faults);
      const used = largeNatural(plainOf(step, 'step', faults) ?? null, 'step', faults) as number;
      faults.settle();
      if (!state.devices.has(device)) refuse('not_found');
      if (used <= (state.steps.get(device) ?? -1)) refuse('already_used');
      state.steps.set(device, used);
    },

    async createTwoFactorSession(session: unknown) {
      const record = readRecord(session, 'session', SESSION);
      return visible(insert(state, state.twoFactorSessions, record, sessionFaults(record), ['createdAt']));
    },

    async getTwoFactorSession(id: unknown) {
      const session = state.twoFactorSessions.get(one(id, 'id'));
      return session && !isExpired(session) ? visible(session) : null;
    },

    async completeTwoFactorSession(id: unknown) {
      const session = pending(id);
      if ((session.attemptCount as number) > (session.maxAttempts as number)) refuse('expired');
      session.completedAt = await state.sources.storedTime('twofa_sessions', 'completed_at', { id: session.id });
    },

    async incrementTwoFactorSessionAttempts(id: unknown) {
      const session = pending(id);
      const [count, most] = [session.attemptCount as number, session.maxAttempts as number];
      // It counts once beyond the limit and then no further, and never beyond what an integer column holds.
      const attempts = Math.min(Math.min(count, most) + 1, 2 ** 31 - 1);
      session.attemptCount = attempts;
      return attempts > most ? refuse('expired') : attempts;
    },
  };
}
