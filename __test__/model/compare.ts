/** Whether two outcomes are the same, prototypes and absent keys included. */
import { types } from 'node:util';
import { InternalError } from '@kitiumai/auth-postgres';
import { type Code, KINDS, STATUS } from '../helpers/errors';
import { Refusal } from '../helpers/reference';

export type Outcome = { value: unknown } | { error: unknown };

export async function outcomeOf(call: () => Promise<unknown>): Promise<Outcome> {
  try {
    return { value: await call() };
  } catch (error) {
    return { error };
  }
}

/** What the adapter and the reference did not agree on. */
export class Mismatch extends Error {}

const prototypeName = (value: object) => Object.getPrototypeOf(value)?.constructor?.name ?? 'none';

/** Where they differ, or nothing. */
export function difference(expected: unknown, actual: unknown, at = 'the result'): string | undefined {
  const differ = () => `${at}: expected ${show(expected)}, got ${show(actual)}`;
  if (typeof expected !== 'object' || typeof actual !== 'object' || expected === null || actual === null) {
    return Object.is(expected, actual) ? undefined : differ();
  }
  if (Object.getPrototypeOf(expected) !== Object.getPrototypeOf(actual)) {
    return `${at}: expected a ${prototypeName(expected)}, got a ${prototypeName(actual)}: ${show(actual)}`;
  }
  if (types.isDate(expected)) return expected.getTime() === (actual as Date).getTime() ? undefined : differ();
  const keys = [...new Set([...Reflect.ownKeys(expected), ...Reflect.ownKeys(actual)])];
  for (const key of keys) {
    if (!Object.hasOwn(actual, key)) return `${at}.${String(key)} is missing`;
    if (!Object.hasOwn(expected, key)) return `${at}.${String(key)} should be absent, is ${show(own(actual, key))}`;
    const found = difference(own(expected, key), own(actual, key), `${at}.${String(key)}`);
    if (found) return found;
  }
  return undefined;
}

const own = (object: object, key: PropertyKey) => Object.getOwnPropertyDescriptor(object, key)?.value;

function show(value: unknown): string {
  if (types.isDate(value)) return Number.isNaN(value.getTime()) ? 'an invalid Date' : value.toISOString();
  return typeof value === 'symbol' || value === undefined ? String(value) : JSON.stringify(value);
}

/** Checks a rejection against the refusal: one of its faults, and all that belongs to it. */
function checkRejection(error: unknown, { faults }: Refusal, method: string): void {
  if (!(error instanceof InternalError)) throw new Mismatch(`rejected with something else: ${error}`);
  const code = error.code.replace('auth_postgres/', '');
  const matching = faults.filter((fault) => fault.code === code);
  const isNamed = matching.some(({ field }) => field === undefined || field === error.context.field);
  if (!isNamed) {
    const expected = new Refusal(faults).message;
    throw new Mismatch(`expected ${expected}; rejected with ${code} (${error.context.field}): ${error.message}`);
  }
  const kind = KINDS[code as Code];
  const statusCode = STATUS[kind];
  const found = difference(
    { kind, statusCode, retryable: false, operation: method },
    { kind: error.kind, statusCode: error.statusCode, retryable: error.retryable, operation: error.context.operation },
    'the error',
  );
  if (found) throw new Mismatch(found);
}

export function checkOutcome(expected: Outcome, actual: Outcome, method: string): void {
  if ('error' in expected && !(expected.error instanceof Refusal)) throw expected.error;
  if ('error' in actual) {
    if ('error' in expected) checkRejection(actual.error, expected.error as Refusal, method);
    else throw rejected(actual.error);
  } else if ('error' in expected) {
    throw new Mismatch(`expected ${(expected.error as Refusal).message}; resolved with ${show(actual.value)}`);
  } else {
    const found = difference(expected.value, actual.value);
    if (found) throw new Mismatch(found);
  }
}

export function rejected(error: unknown): Mismatch {
  const detail = error instanceof InternalError ? JSON.stringify(error) : String(error);
  return new Mismatch(`rejected, though there is no fault: ${detail}`);
}
