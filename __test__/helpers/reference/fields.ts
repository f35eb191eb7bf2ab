/** Tables of fields: what each of a record's fields holds, and what creates and updates do with it. */
import { copyOf, hasBadText, hasBadTextWithin, isObject, type Json, type JsonObject, plainOf, setOwn } from './plain';
import type { Faults } from './refusal';

/** Turns JSON into a field's value, or reports the fault. */
export type Reader = (value: Json, field: string, faults: Faults) => unknown;

const MAX_KEY_BYTES = 1024;

export const text: Reader = (value, field, faults) =>
  typeof value === 'string' && !hasBadText(value) ? value : faults.invalid(field);

/** An id, an e-mail, a hash …: it has to fit into an index. */
export const key: Reader = (value, field, faults) =>
  typeof value === 'string' && value !== '' && Buffer.byteLength(value) <= MAX_KEY_BYTES
    ? text(value, field, faults)
    : faults.invalid(field);

export const bool: Reader = (value, field, faults) => (typeof value === 'boolean' ? value : faults.invalid(field));

export const natural: Reader = (value, field, faults) =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** 31 ? value : faults.invalid(field);

/** As large as a number can be without losing what it counts. */
export const largeNatural: Reader = (value, field, faults) =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : faults.invalid(field);

export const object: Reader = (value, field, faults) =>
  isObject(value) && !hasBadTextWithin(value) ? value : faults.invalid(field);

export const stringMap: Reader = (value, field, faults) =>
  isObject(value) && Object.values(value).every((inner) => typeof inner === 'string')
    ? object(value, field, faults)
    : faults.invalid(field);

/** The same in an update, where `null` may remove a key. */
export const stringMapPatch: Reader = (value, field, faults) =>
  isObject(value) && Object.values(value).every((inner) => typeof inner === 'string' || inner === null)
    ? object(value, field, faults)
    : faults.invalid(field);

export const oneOf =
  (...values: string[]): Reader =>
  (value, field, faults) =>
    typeof value === 'string' && values.includes(value) ? value : faults.invalid(field);

export const listOf =
  (item: Reader): Reader =>
  (value, field, faults) =>
    Array.isArray(value) ? value.map((each, at) => item(each, `${field}[${at}]`, faults)) : faults.invalid(field);

export const texts = listOf(text);

const ISO_8601 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)$/;
const FIRST = Date.parse('0001-01-01T00:00:00.000Z');
const LAST = Date.parse('9999-12-31T23:59:59.999Z');

/** A Date has become ISO 8601 text by now. */
export const time: Reader = (value, field, faults) => {
  const parts = typeof value === 'string' ? ISO_8601.exec(value) : null;
  if (parts === null) return faults.invalid(field);
  const [year, month, day] = parts.slice(1, 4).map(Number) as [number, number, number];
  const daysOfMonth = new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate();
  const moment = new Date(value as string);
  const isMoment = day <= daysOfMonth && moment.getTime() >= FIRST && moment.getTime() <= LAST;
  return isMoment ? moment : faults.invalid(field);
};

export interface Field {
  read: Reader;
  /** A create cannot do without, and an update cannot clear it. */
  isRequired?: boolean;
  /** What a create puts where nothing is given; `undefined` leaves the field absent. */
  initial?: Json;
  /** What `null` in an update puts there; without it, `null` is refused. */
  cleared?: { value: Json | undefined };
  /** Whether an empty string means none. */
  emptyIsNone?: boolean;
}

export type Fields = Record<string, Field>;

export const required = (read: Reader): Field => ({ read, isRequired: true });
export const optional = (read: Reader, initial?: Json): Field => ({
  read,
  ...(initial === undefined ? {} : { initial }),
  cleared: { value: undefined },
});
/** Kept when it is given and not empty. */
export const newId: Field = { ...optional(key), emptyIsNone: true };
/** Never absent, so nothing to clear. */
export const defaulted = (read: Reader, initial: Json): Field => ({ read, initial });
/** Never absent either: cleared, it is empty. */
export const metadata = (read: Reader = object): Field => ({ read, initial: {}, cleared: { value: {} } });

export interface Shape {
  fields: Fields;
  /** Accepted and ignored. */
  ours: string[];
  /** Whether further fields are kept, and snake_case fields may be given in camelCase. */
  isOpen?: boolean;
}

const camelCase = (name: string) => name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());

/** The known name that was meant: written in another case, or with one slip of the pen. */
function slipOf(name: string, { fields, ours }: Shape): string | undefined {
  const letters = (text: string) => text.replace(/[_-]/g, '').replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  const written = [...letters(name)];
  return [...Object.keys(fields), ...ours].find((known) => {
    const meant = [...letters(known)];
    const isSame = written.join('') === meant.join('');
    return isSame || (Math.min(written.length, meant.length) >= 4 && isOneSlip(written, meant));
  });
}

/** Whether one character was put in, left out, replaced, or changed places with the next. */
function isOneSlip(a: string[], b: string[]): boolean {
  const [long, short] = a.length >= b.length ? [a, b] : [b, a];
  const rest = (list: string[], from: number) => list.slice(from).join('\0');
  let at = 0;
  while (at < short.length && long[at] === short[at]) at += 1;
  if (long.length === short.length + 1) return rest(long, at + 1) === rest(short, at);
  if (long.length !== short.length || at === long.length) return false;
  const isSwapped = long[at] === short[at + 1] && long[at + 1] === short[at];
  return rest(long, at + 1) === rest(short, at + 1) || (isSwapped && rest(long, at + 2) === rest(short, at + 2));
}

/** The given fields by their own names, and the further ones. */
function sort(
  given: JsonObject,
  shape: Shape,
  prefix: string,
  faults: Faults,
): { known: JsonObject; rest: JsonObject } {
  const known: JsonObject = {};
  const rest = Object.entries(given).reduce<JsonObject>((all, [name, value]) => setOwn(all, name, value), {});
  const take = (name: string, as: string) => {
    if (!Object.hasOwn(rest, name)) return;
    if (Object.hasOwn(known, as)) faults.invalid(prefix + name);
    setOwn(known, as, rest[name] as Json);
    delete rest[name];
  };
  for (const name of Object.keys(shape.fields)) {
    take(name, name);
    if (name.includes('_')) take(camelCase(name), name);
  }
  for (const name of shape.ours) delete rest[name];
  for (const [name, value] of Object.entries(rest)) {
    // A name that no text can hold is not named.
    if (hasBadText(name)) faults.invalid();
    else if (!shape.isOpen || hasBadTextWithin(value)) faults.invalid(prefix + name);
    else if (value !== null && slipOf(name, shape)) faults.invalid(prefix + name);
  }
  return { known, rest };
}

/** The values of a create's fields, defaults included; what is absent is `undefined`. */
export function readNew(given: Json | undefined, shape: Shape, path: string, prefix: string, faults: Faults): Row {
  const record: Row = {};
  if (!isObject(given)) {
    if (given !== undefined) faults.invalid(path);
    return record;
  }
  const { known, rest } = sort(given, shape, prefix, faults);
  for (const [name, field] of Object.entries(shape.fields)) {
    const given = known[name] ?? null;
    const value = field.emptyIsNone && given === '' ? null : given;
    if (value !== null) record[name] = field.read(value, prefix + name, faults);
    else if (field.isRequired) faults.invalid(prefix + name);
    else record[name] = copyOf(field.initial);
  }
  for (const [name, value] of Object.entries(rest)) if (value !== null) setOwn(record, name, value);
  return record;
}

/** The fields that an update changes, with `undefined` for those that go. */
export function readPatch(given: Json | undefined, shape: Shape, argument: string, faults: Faults): Row {
  const patch: Row = {};
  if (!isObject(given)) {
    if (given !== undefined) faults.invalid(argument);
    return patch;
  }
  const { known, rest } = sort(given, shape, '', faults);
  for (const [name, value] of Object.entries(known)) {
    const field = shape.fields[name] as Field;
    if (value !== null) patch[name] = field.read(value, name, faults);
    else if (field.cleared === undefined) faults.invalid(name);
    else patch[name] = field.cleared.value;
  }
  for (const [name, value] of Object.entries(rest)) setOwn(patch, name, value ?? undefined);
  return patch;
}

export type Row = Record<string, unknown>;

/** A list of records inside of a record. */
export const records =
  (shape: Shape): Reader =>
  (value, field, faults) =>
    Array.isArray(value)
      ? value.map((each, at) => readNew(each, shape, `${field}[${at}]`, `${field}[${at}].`, faults))
      : faults.invalid(field);

/** A plain string argument. */
export function readText(value: unknown, argument: string, faults: Faults): string {
  return text(typeof value === 'string' ? value : null, argument, faults) as string;
}

/** A plain string argument that will be written. */
export function readKey(value: unknown, argument: string, faults: Faults): string {
  return key(typeof value === 'string' ? value : null, argument, faults) as string;
}

export function readOptionalText(value: unknown, argument: string, faults: Faults): string | undefined {
  return value == null ? undefined : readText(value, argument, faults);
}

/** An object of options: absent is empty. */
export function readOptions(value: unknown, shape: Shape, faults: Faults): Row {
  if (value == null) return readNew({}, shape, 'options', '', faults);
  return readNew(plainOf(value, 'options', faults), shape, 'options', '', faults);
}
