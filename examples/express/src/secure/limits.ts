import type { Request } from 'express';
import { foldAddress } from '../accounts/address.ts';
import { TooManyRequests } from '../web/errors.ts';
import { RateLimit } from './rate-limit.ts';

const MINUTE = 60_000;

/** How often something may be tried. The table of README.md says why there are three for a sign-in. */
export class Limits {
  readonly #signInFromNetworkToAccount = new RateLimit(10, 15 * MINUTE);
  readonly #signInFromNetwork = new RateLimit(100, 15 * MINUTE);
  readonly #signInToAccount = new RateLimit(100, 15 * MINUTE);
  readonly #mailRequestsFromNetwork = new RateLimit(100, 60 * MINUTE);
  readonly #mailsToAddress = new RateLimit(5, 60 * MINUTE);
  readonly #codesOfUser = new RateLimit(20, 15 * MINUTE);

  /** Throws if there were too many attempts to sign in, from there or to that account. */
  countSignIn(request: Request, email: string): void {
    const network = networkOf(request);
    const account = foldAddress(email);
    refuseAfter(this.#signInFromNetworkToAccount.take(`${network} ${account}`));
    refuseAfter(this.#signInFromNetwork.take(network));
    refuseAfter(this.#signInToAccount.take(account));
  }

  /** Throws if somebody has asked for too many mails. */
  countMailRequest(request: Request): void {
    refuseAfter(this.#mailRequestsFromNetwork.take(networkOf(request)));
  }

  /** Whether an address may get one more mail. Nobody is told if not, since that would say that there is an account. */
  mayMail(email: string): boolean {
    return this.#mailsToAddress.take(foldAddress(email)) === 0;
  }

  /** Throws if somebody who is signed in has tried too many codes or passwords. */
  countProof(userId: string): void {
    refuseAfter(this.#codesOfUser.take(userId));
  }
}

function refuseAfter(seconds: number): void {
  if (seconds > 0) throw new TooManyRequests(seconds);
}

/** An IPv4 address, or the half of an IPv6 address that a network has for itself. */
function networkOf({ ip = '' }: Request): string {
  if (!ip.includes(':') || ip.startsWith('::ffff:')) return ip;
  const [head = '', tail = ''] = ip.split('::');
  const groups = [...head.split(':').filter(Boolean)];
  const rest = tail.split(':').filter(Boolean);
  while (groups.length + rest.length < 8) groups.push('0');
  return [...groups, ...rest].slice(0, 4).join(':');
}
