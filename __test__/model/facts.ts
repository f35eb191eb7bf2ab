/** What the database made up (ids, times, secrets), read off the adapter's answers for the reference to use. */

import type { PostgresTransaction } from '@kitiumai/auth-postgres';
import type { TestDatabase } from '../helpers/database';
import type { Path, Sources, State } from '../helpers/reference';
import { Mismatch, type Outcome, rejected } from './compare';

/** Clocks of client and server, and rounding, may differ by so much. */
const TOLERANCE_MS = 5_000;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-([47])[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** A client may hold these ids as secret handles: they are random. */
const SECRET_HANDLES = new Set([
  'createSession',
  'createEmailVerificationToken',
  'createSSOSession',
  'createTwoFactorSession',
]);

type Row = Record<string, unknown>;

/** A time that a transaction has written and no answer has shown. */
async function timeWithin(
  tx: PostgresTransaction,
  state: State,
  table: string,
  column: string,
  row: Row,
): Promise<Date | undefined> {
  const id = row.id as string;
  const field = column.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
  const found = async (): Promise<unknown> => {
    switch (table) {
      case 'organizations':
        return tx.getOrganization(id);
      case 'sessions':
        // One that has expired is shown to nobody.
        return (await tx.getSession(id)) ?? { updatedAt: new Date() };
      case 'api_keys':
        return tx.getApiKey(id);
      case 'tenant_saml_configs':
        return tx.getTenantSAMLConfigRecord(row.tenantId as string);
      case 'twofa_sessions':
        return tx.getTwoFactorSession(id);
      case 'twofa_backup_codes': {
        const codes = await tx.getBackupCodes(state.backupCodes.get(id)?.userId as string);
        return codes.find((code) => code.id === id);
      }
      default:
        return undefined;
    }
  };
  return ((await found()) as Record<string, Date> | null | undefined)?.[field];
}

export class Facts implements Sources {
  readonly generated: string[] = [];
  readonly secrets: string[] = [];
  private method = '';
  private startedAt = 0;
  private actual: Outcome = { value: undefined };
  private reader: ((table: string, column: string, row: Row) => Promise<Date | undefined>) | undefined;

  constructor(private readonly query: TestDatabase['query']) {}

  /** The call, or the first of several, is being made. */
  begin(): void {
    this.startedAt = Date.now();
  }

  /** It has been answered. */
  end(method: string, actual: Outcome): void {
    this.method = method;
    this.actual = actual;
  }

  id(path: Path): string {
    const id = this.at(path);
    const version = typeof id === 'string' ? UUID.exec(id)?.[1] : undefined;
    const wanted = SECRET_HANDLES.has(this.method) ? '4' : '7';
    if (version !== wanted) throw new Mismatch(`${path.join('.')} is no UUIDv${wanted}: ${id}`);
    if (this.generated.includes(id as string)) throw new Mismatch(`${path.join('.')} was given before: ${id}`);
    this.generated.push(id as string);
    return id as string;
  }

  time(path: Path): Date {
    return this.aboutNow(this.at(path), path.join('.'));
  }

  cursor(path: Path): string {
    const cursor = this.at(path);
    if (typeof cursor !== 'string') throw new Mismatch(`${path.join('.')} is no cursor: ${cursor}`);
    return cursor;
  }

  secret(path: Path): string {
    const key = this.at(path);
    const digits = /_([0-9a-f]{64})$/.exec(String(key))?.[1];
    if (digits === undefined) throw new Mismatch(`${path.join('.')} does not end in 64 hexadecimal digits`);
    this.secrets.push(key as string);
    return digits;
  }

  async storedTime(table: string, column: string, row: Row): Promise<Date> {
    if ('error' in this.actual) throw rejected(this.actual.error);
    const found = await (this.reader ?? this.stored)(table, column, row);
    const time = this.aboutNow(found, `${table}.${column}`);
    // It is rounded to a millisecond, maybe upwards: what expires now has expired from here on.
    while (Date.now() <= time.getTime()) await new Promise((resolve) => setTimeout(resolve, 1));
    return time;
  }

  /** Within a transaction, what it has written is read through its own methods. */
  readThrough(tx: PostgresTransaction, state: State): void;
  readThrough(tx: undefined): void;
  readThrough(tx: PostgresTransaction | undefined, state?: State): void {
    this.reader = tx && ((table, column, row) => timeWithin(tx, state as State, table, column, row));
  }

  private readonly stored = async (table: string, column: string, row: Row): Promise<Date | undefined> => {
    const columns = Object.keys(row).map((key) => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
    const where = columns.map((name, at) => `${name} = $${at + 1}`).join(' AND ');
    const [found] = await this.query(`SELECT ${column} AS time FROM ${table} WHERE ${where}`, Object.values(row));
    return found?.time ? new Date(found.time) : undefined;
  };

  private aboutNow(time: unknown, name: string): Date {
    if (!(time instanceof Date)) throw new Mismatch(`${name} is no Date: ${time}`);
    const isNow = time.getTime() >= this.startedAt - TOLERANCE_MS && time.getTime() <= Date.now() + TOLERANCE_MS;
    if (!isNow) throw new Mismatch(`${name} is not the time of the call: ${time.toISOString()}`);
    return time;
  }

  private at(path: Path): unknown {
    if ('error' in this.actual) throw rejected(this.actual.error);
    return path.reduce<unknown>((value, key) => {
      const inside = typeof value === 'object' && value !== null;
      return inside ? Object.getOwnPropertyDescriptor(value, key)?.value : undefined;
    }, this.actual.value);
  }
}
