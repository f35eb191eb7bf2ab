import type { PostgresStorageAdapter, TwoFactorDevice } from '@kitiumai/auth-postgres';
import { Secret, TOTP } from 'otpauth';
import type { Site } from '../site.ts';

const PERIOD_SECONDS = 30;
const PURPOSE = 'totp';
const SET_UP_MS = 15 * 60_000;

type DeviceStore = Pick<PostgresStorageAdapter, 'listTwoFactorDevices'>;

/** The authenticator that a user signs in with. */
export async function verifiedDeviceOf(store: DeviceStore, userId: string): Promise<TwoFactorDevice | undefined> {
  const devices = await store.listTwoFactorDevices(userId);
  return devices.find(({ method, verified }) => method === 'totp' && verified);
}

/** The authenticator that a user is setting up. Its secret is not shown for longer than that takes. */
export async function newDeviceOf(store: DeviceStore, userId: string): Promise<TwoFactorDevice | undefined> {
  const devices = await store.listTwoFactorDevices(userId);
  const isNew = ({ createdAt }: TwoFactorDevice) => createdAt.getTime() + SET_UP_MS > Date.now();
  return devices.find((device) => device.method === 'totp' && !device.verified && isNew(device));
}

/** A new secret, encrypted for its user, so that the table alone is of no use to a thief. */
export function sealedSecret({ secrets }: Site, userId: string): string {
  return secrets.seal(PURPOSE, userId, new Secret({ size: 20 }).base32);
}

export function openDevice({ secrets }: Site, device: TwoFactorDevice, label = ''): TOTP {
  const secret = Secret.fromBase32(secrets.open(PURPOSE, device.userId, device.secret ?? ''));
  return new TOTP({ issuer: 'Example', label, secret, period: PERIOD_SECONDS });
}

/** The time step that a code is for: this one, the one before, or the next, for clocks that are not quite right. */
export function stepOf(totp: TOTP, code: string): number | null {
  const timestamp = Date.now();
  const delta = totp.validate({ token: code, window: 1, timestamp });
  return delta === null ? null : totp.counter({ timestamp }) + delta;
}
