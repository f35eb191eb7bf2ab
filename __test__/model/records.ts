/** Record arguments: mostly right, some with something wrong. */
import fc from 'fast-check';
import { hostile, hostileOptions, key, named, ODD_TEXTS } from './values';

type Arbitraries = Record<string, fc.Arbitrary<unknown>>;

/** Sets a key of any name, `__proto__` too. */
function withKey(record: object, name: string, value: unknown): object {
  return Object.defineProperty({ ...record }, name, { value, configurable: true, enumerable: true, writable: true });
}

function without(record: object, name: string): object {
  const { [name]: _, ...rest } = record as Record<string, unknown>;
  return rest;
}

/** Breaks a record in one place, or not at all. */
function broken(record: fc.Arbitrary<object>, names: string[]): fc.Arbitrary<unknown> {
  const name = fc.constantFrom(...names);
  const unknownName = fc.constantFrom('nmae', 'Id', 'a\0b', '\ud800', 'user_id', 'orgid', ...ODD_TEXTS.slice(0, 12));
  return fc.oneof(
    { weight: 5, arbitrary: fc.tuple(record, name, hostile).map(([given, at, value]) => withKey(given, at, value)) },
    { weight: 1, arbitrary: fc.tuple(record, name).map(([given, at]) => without(given, at)) },
    {
      weight: 1,
      arbitrary: fc.tuple(record, unknownName, hostile).map(([given, at, value]) => withKey(given, at, value)),
    },
    { weight: 1, arbitrary: hostile },
  );
}

/** What a create takes: `required` fields are there, others may be, as a value or as none. */
export function input(required: Arbitraries, optional: Arbitraries): fc.Arbitrary<unknown> {
  const maybe = Object.entries(optional).map(([name, value]) => [
    name,
    fc.oneof({ weight: 6, arbitrary: value }, { weight: 1, arbitrary: fc.constantFrom(null, undefined) }),
  ]);
  const ours = { createdAt: hostile, updatedAt: hostile };
  const fields = {
    id: fc.oneof({ weight: 8, arbitrary: key }, { weight: 1, arbitrary: fc.constantFrom(null, '', undefined) }),
    ...Object.fromEntries(maybe),
  };
  const good = fc
    .record<Record<string, unknown>>(
      { ...required, ...fields },
      { requiredKeys: Object.keys(required), noNullPrototype: true },
    )
    .chain((record) =>
      fc.oneof(
        { weight: 9, arbitrary: fc.constant(record) },
        {
          weight: 1,
          arbitrary: fc.record(ours, { requiredKeys: [] }).map((extra) => ({ ...record, ...storable(extra) })),
        },
      ),
    );
  const names = [...Object.keys(required), ...Object.keys(fields)];
  return fc.oneof({ weight: 5, arbitrary: good }, { weight: 1, arbitrary: broken(good, names) });
}

/** Ignored fields may hold anything that can be written as JSON. */
function storable(record: object): object {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value instanceof Date || value === null));
}

/** What an update takes: some fields, a whole record, or nothing. */
export function patch(table: string, required: Arbitraries, optional: Arbitraries): fc.Arbitrary<unknown> {
  const clearable = Object.entries(optional).map(([name, value]) => [
    name,
    fc.oneof({ weight: 4, arbitrary: value }, { weight: 1, arbitrary: fc.constant(null) }),
  ]);
  const fields: Arbitraries = { ...required, ...Object.fromEntries(clearable) };
  const some = fc.record(fields, { requiredKeys: [], noNullPrototype: true });
  const whole = fc.nat(8).map((at) => named(`${table}[${at}]`, (world) => visibleRow(world.record(table, at))));
  return fc.oneof(
    { weight: 8, arbitrary: some },
    { weight: 2, arbitrary: whole },
    { weight: 1, arbitrary: fc.constant({}) },
    { weight: 2, arbitrary: broken(some, Object.keys(fields)) },
  );
}

/** The arguments of an update of a row that there is, with options: those of its state, and others. */
export function edit(table: string, change: fc.Arbitrary<unknown>, idField = 'id'): fc.Arbitrary<unknown[]> {
  const options = fc.tuple(fc.nat(9), hostileOptions, hostile);
  return fc.tuple(fc.nat(8), change, options).map(([at, given, [kind, noOptions, noValue]]) => {
    const id = named(`${table}[${at}].${idField}`, (world) => world.record(table, at)?.[idField] ?? 'none');
    const ifUpdatedAt = named(`${table}[${at}].updatedAt`, (world) => world.record(table, at)?.updatedAt ?? null);
    const choices: unknown[] = [
      { mergeMetadata: true },
      { mergeMetadata: true },
      { ifUpdatedAt },
      { ifUpdatedAt },
      { ifUpdatedAt, mergeMetadata: true },
      { ifUpdatedAt: new Date(0), mergeMetadata: false },
      { ifUpdatedAt: noValue },
      { ifUpdatedAt, mergeMetadata: noValue },
      { ifUpdatedAt, mergemetadata: true },
      noOptions,
    ];
    return [id, given, choices[kind]];
  });
}

/** Fields of a row that no caller sees. */
const HIDDEN = ['principalKind', 'position'];

function visibleRow(row: Record<string, unknown> = {}): object {
  return HIDDEN.reduce(without, { ...row });
}
