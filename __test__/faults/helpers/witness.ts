import { inspect } from 'node:util';
import { InternalError } from '@kitiumai/auth-postgres';
import type { AdapterOptions } from '../../helpers/database';

type Logger = NonNullable<NonNullable<AdapterOptions>['logger']>;

/** Doing it twice is doing it once. */
const HARMLESS =
  /^(delete|assignRoleToUser|revokeRoleFromUser|removeOrganizationMember|eraseUser|storeTenantSAMLConfig)/;

/**
 * Sees every log line and every rejection of an adapter, counts what callers saw, and keeps whatever
 * holds one of the secrets.
 */
export class Witness {
  readonly leaks: string[] = [];
  /** How often each outcome was seen, by its description. */
  readonly seen = new Map<string, number>();
  readonly codes = new Set<string>();
  /** What should never have been thrown at a caller. */
  readonly strangers: string[] = [];
  lines = 0;

  constructor(private readonly secrets: readonly string[]) {}

  /** For an adapter's options; with `logLevel: 'debug'`, the finest. */
  get logger(): Logger {
    const take = (message: string, fields?: object) => {
      this.lines += 1;
      this.search(`log line ${message}`, `${message} ${inspect(fields, { depth: null })}`);
    };
    return { debug: take, info: take, warn: take, error: take };
  }

  /** Takes note of a rejection, and says what the caller knows of the work: not done, or perhaps. */
  rejected(error: unknown, manner: 'read' | 'write'): 'refused' | 'unknown' {
    if (!(error instanceof InternalError)) {
      this.strangers.push(inspect(error));
      return 'unknown';
    }
    const { code, retryable, context } = error;
    const isUnknown = context.outcome === 'unknown';
    const name = code.replace('auth_postgres/', '');
    const notes = [...(retryable ? ['retryable'] : []), ...(isUnknown ? ['outcome unknown'] : [])];
    const description = `${manner}: ${name}${notes.length > 0 ? ` (${notes.join(', ')})` : ''}`;
    this.seen.set(description, (this.seen.get(description) ?? 0) + 1);
    this.codes.add(name);
    if (retryable && isUnknown && !HARMLESS.test(`${context.operation}`))
      this.strangers.push(`retryable although nobody knows how it ended: ${inspect(error)}`);
    // Hidden properties too: the cause is one.
    this.search(`error ${name}`, inspect(error, { depth: null, showHidden: true }) + JSON.stringify(error));
    return isUnknown ? 'unknown' : 'refused';
  }

  private search(where: string, text: string): void {
    if (this.secrets.some((secret) => text.includes(secret))) this.leaks.push(`${where}: ${text}`);
  }
}
