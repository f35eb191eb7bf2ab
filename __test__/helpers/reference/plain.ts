/** From what a caller hands over to plain JSON, by the rules of `JSON.stringify` and the exceptions to them. */
import { types } from 'node:util';
import type { Faults } from './refusal';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** Sets a key of any name, `__proto__` too. */
export function setOwn<T extends object>(target: T, key: string, value: unknown): T {
  return Object.defineProperty(target, key, { value, configurable: true, enumerable: true, writable: true });
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A deep copy, made in this realm (`structuredClone` would make it in jest's own). */
export function copyOf(value: unknown): unknown {
  if (types.isDate(value)) return new Date(value.getTime());
  if (Array.isArray(value)) return value.map(copyOf);
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value).reduce((copy, [key, inner]) => setOwn(copy, key, copyOf(inner)), {});
}

/** What no database text can hold. */
export function hasBadText(text: string): boolean {
  return text.includes('\0') || /\p{Surrogate}/u.test(text);
}

/** The same, anywhere inside. */
export function hasBadTextWithin(value: Json): boolean {
  if (typeof value === 'string') return hasBadText(value);
  if (Array.isArray(value)) return value.some(hasBadTextWithin);
  if (!isObject(value)) return false;
  return Object.entries(value).some(([key, inner]) => hasBadText(key) || hasBadTextWithin(inner));
}

/** What `JSON.stringify` would drop or turn into `null` without a word. */
function wouldBeLost(value: unknown): boolean {
  if (types.isDate(value)) return Number.isNaN(value.getTime());
  if (typeof value === 'number') return !Number.isFinite(value);
  return typeof value === 'function' || typeof value === 'symbol' || typeof value === 'bigint';
}

/** Objects of classes whose fields `JSON.stringify` does not see. */
function hidesFields(value: unknown): boolean {
  if (!isObject(value) || types.isDate(value) || typeof value.toJSON === 'function') return false;
  const prototype = Object.getPrototypeOf(value);
  const isPlain = prototype === null || Object.hasOwn(prototype, 'isPrototypeOf');
  return !isPlain && (types.isMap(value) || Object.keys(value).length === 0);
}

/** Fields and items of lists may not be lost; inside of an object that is a field, JSON's own rules hold. */
function checkLosses(value: unknown, field: string, isArgument: boolean, faults: Faults): void {
  if (wouldBeLost(value) || hidesFields(value)) faults.invalid(field);
  if (Array.isArray(value)) {
    for (const [at, item] of value.entries()) checkLosses(item, `${field}[${at}]`, false, faults);
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) {
      const name = isArgument ? key : `${field}.${key}`;
      if (Array.isArray(inner)) checkLosses(inner, name, false, faults);
      else if (wouldBeLost(inner) || hidesFields(inner)) faults.invalid(name);
    }
  }
}

/** An argument as plain JSON; `undefined` when there are faults. */
export function plainOf(
  value: unknown,
  argument: string,
  faults: Faults,
  kind: 'record' | 'list' = 'record',
): Json | undefined {
  if (value === undefined || Array.isArray(value) !== (kind === 'list')) faults.invalid(argument);
  const before = faults.list.length;
  checkLosses(value, argument, true, faults);
  if (faults.list.length > before) return undefined;
  try {
    return JSON.parse(JSON.stringify(value) ?? 'null');
  } catch {
    const fails = (inner: unknown) => {
      try {
        JSON.stringify(inner);
        return false;
      } catch {
        return true;
      }
    };
    const field = Object.entries(value as object).find(([, inner]) => fails(inner))?.[0];
    return faults.invalid(field ?? argument);
  }
}
