/** Values that callers hand over, good and hostile. */
import fc from 'fast-check';

/** Stands for a value that only the run can know; resolved right before the call. */
export interface Placeholder {
  resolve(world: World): unknown;
}

/** What a run knows. */
export interface World {
  /** Ids that the database made up, oldest first. */
  generated: string[];
  /** API keys in full, oldest first. */
  secrets: string[];
  /** Cursors of pages that follow, oldest first. */
  cursors: string[];
  /** A row as the reference keeps it, by its table and its place there. */
  record(table: string, at: number): Record<string, unknown> | undefined;
}

class Named implements Placeholder {
  constructor(
    private readonly label: string,
    readonly resolve: (world: World) => unknown,
  ) {}

  [fc.toStringMethod](): string {
    return this.label;
  }
}

export const named = (label: string, resolve: (world: World) => unknown): Placeholder => new Named(label, resolve);

export function isPlaceholder(value: unknown): value is Placeholder {
  return value instanceof Named;
}

const nth = <T>(list: T[], at: number): T | undefined => list[at % Math.max(list.length, 1)];

const generatedId = fc.nat(20).map((at) => named(`generated[${at}]`, ({ generated }) => nth(generated, at) ?? 'none'));
export const secret = fc.nat(5).map((at) => named(`secrets[${at}]`, ({ secrets }) => nth(secrets, at) ?? 'api_none'));

/** 1 024 bytes that no compression makes small: the largest index entry. */
const longest = (seed: string) =>
  Array.from({ length: 512 }, (_, at) =>
    String.fromCharCode(0x80 + ((at * at * 7 + seed.charCodeAt(0) * (at + 11)) % 0x700)),
  ).join('');

export const ODD_TEXTS = [
  '__proto__',
  'constructor',
  'hasOwnProperty',
  'toString',
  "'; DROP TABLE users; --",
  '$1',
  'a,b',
  'x}y',
  '{"a":1}',
  '"quoted"',
  'back\\slash',
  '\\u0000',
  '%00%s',
  'null',
  'ÄÖÜß',
  'İı',
  'ǅ',
  'e\u0301',
  '\u00e9',
  '😀',
  '\uffff',
  '\u2028',
  ' leading and trailing ',
  '\t\r\n',
  '\u0001\u001f\u007f',
  'A',
  'a ',
  longest('a'),
  longest('b'),
];

/** No string of these can be stored. */
const BAD_TEXTS = ['a\0b', '\0', '\ud800', 'a\udfffb', '\udc00\ud800'];

const oddText = fc.constantFrom(...ODD_TEXTS);
const anyText = fc.oneof(fc.string({ unit: 'binary', maxLength: 12 }), fc.string({ unit: 'grapheme', maxLength: 12 }));

/** Any text that can be stored. */
export const text = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('x', 'Ada Lovelace', '') },
  { weight: 2, arbitrary: oddText },
  { weight: 2, arbitrary: anyText.filter((value) => !value.includes('\0') && !/\p{Surrogate}/u.test(value)) },
);

const POOL = ['a', 'b', 'c', 'o'];

/** A key that can be stored: not empty, at most 1 024 bytes. */
export const key = fc.oneof(
  { weight: 10, arbitrary: fc.constantFrom(...POOL) },
  { weight: 2, arbitrary: oddText },
  { weight: 1, arbitrary: fc.uuid() },
);

/** The id of something that may exist. */
export const id = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(...POOL) },
  { weight: 3, arbitrary: generatedId },
  { weight: 2, arbitrary: oddText },
);

/** An argument that is read: what is too long or empty is merely not found. */
export const readId = fc.oneof(
  { weight: 24, arbitrary: id },
  { weight: 1, arbitrary: fc.constantFrom('', 'é'.repeat(513), 'x'.repeat(5000)) },
  { weight: 1, arbitrary: fc.constantFrom(...BAD_TEXTS) },
  { weight: 1, arbitrary: fc.constantFrom<unknown>(undefined, null, 7, true, {}, [], new Date(0), ['a']) },
);

/** An argument that is written. */
export const writtenId = readId;

const FAR = { past: new Date('2020-01-01T00:00:00.000Z'), future: new Date('2100-01-01T00:00:00.000Z') };
const FIRST = new Date('0001-01-01T00:00:00.000Z');
const LAST = new Date('9999-12-31T23:59:59.999Z');

const past = fc.date({ min: FIRST, max: FAR.past, noInvalidDate: true });
const future = fc.date({ min: FAR.future, max: LAST, noInvalidDate: true });

/** ISO 8601, with an offset of hours and minutes. */
const withOffset = fc
  .tuple(fc.oneof(past, future), fc.integer({ min: -14 * 60, max: 14 * 60 }))
  .map(([date, offset]) => {
    const local = new Date(date.getTime() + offset * 60_000);
    if (local < FIRST || local > LAST) return date.toISOString();
    const digits = (number: number) => String(Math.abs(number)).padStart(2, '0');
    const zone = `${offset < 0 ? '-' : '+'}${digits(Math.trunc(offset / 60))}:${digits(offset % 60)}`;
    return local.toISOString().replace('Z', zone);
  });

/** Long past or far ahead: on which side of now a time is never hangs on the moment of the call. */
export const time = fc.oneof(
  { weight: 4, arbitrary: future },
  { weight: 2, arbitrary: past },
  { weight: 1, arbitrary: fc.constantFrom(FIRST, LAST, new Date(0), new Date(-1), new Date(951_782_400_000)) },
  { weight: 1, arbitrary: withOffset },
  {
    weight: 1,
    arbitrary: fc.constantFrom('2100-02-28T23:59:59Z', '2100-01-01T00:00Z', '2100-01-01T00:00:00.1234567Z'),
  },
);

/** No instant in the years 1 to 9999. */
const BAD_TIMES = [
  new Date(Number.NaN),
  new Date(FIRST.getTime() - 1),
  new Date(LAST.getTime() + 1),
  new Date(8.64e15),
  '2100-01-01',
  '2100-01-01T00:00:00',
  '2100-02-30T00:00:00Z',
  '2100-13-01T00:00:00Z',
  '0001-01-01T00:00:00+01:00',
  '9999-12-31T23:59:59-01:00',
  'soon',
  '',
  'infinity',
  1_900_000_000_000,
];

const number = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.constantFrom(0, -0, 1e21, 2 ** 53 + 2, Number.MAX_VALUE, -Number.MAX_VALUE, Number.MIN_VALUE, 0.1),
);

/** What JSON holds, and what `JSON.stringify` makes of the rest. */
const jsonValue = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    fc.oneof(text, number, fc.boolean(), fc.constant(null)),
    fc.constantFrom<unknown>(
      undefined,
      Number.NaN,
      new Date(0),
      new Date(Number.NaN),
      () => 1,
      Symbol.iterator,
      new Map(),
    ),
    fc.array(tie('value'), { maxLength: 3 }),
    tie('object'),
  ),
  object: fc.dictionary(text, tie('value'), { maxKeys: 4, noNullPrototype: true }),
}));

export const jsonObject = jsonValue.object as fc.Arbitrary<Record<string, unknown>>;
export const stringMap = fc.dictionary(text, text, { maxKeys: 3, noNullPrototype: true });
export const stringMapPatch = fc.dictionary(text, fc.option(text), { maxKeys: 3, noNullPrototype: true });
export const texts = fc.array(text, { maxLength: 3 });
export const natural = fc.oneof(fc.nat(6), fc.constantFrom(2 ** 31 - 1));

class Pointless {}

/** Whatever a field is, most of these are none. */
const HOSTILE: unknown[] = [
  undefined,
  null,
  '',
  ...BAD_TEXTS,
  ...BAD_TIMES,
  'é'.repeat(512),
  'é'.repeat(513),
  'x'.repeat(5000),
  0,
  -0,
  -1,
  1.5,
  2 ** 31,
  1e308,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  true,
  [],
  [null],
  [undefined],
  [[]],
  ['a', 'a\0b'],
  ['\ud800'],
  [new Date(Number.NaN)],
  [Number.NaN],
  {},
  { toJSON: () => 'x' },
  { toJSON: () => undefined },
  { k: 'a\0b' },
  { 'k\0': 1 },
  { '\ud800': 1 },
  { deep: [{ '\ud800': 1 }] },
  { n: Number.NaN, f: () => 1, d: new Date(Number.NaN), u: undefined },
  new Map([['a', 1]]),
  new Pointless(),
  new String('boxed'),
  Symbol('s'),
  () => 'x',
  10n,
  named('cyclic', () => {
    const cyclic: Record<string, unknown> = {};
    cyclic.self = cyclic;
    return cyclic;
  }),
  named('{big: 10n}', () => ({ big: 10n })),
  named('throws', () => ({
    toJSON() {
      throw new Error('no JSON');
    },
  })),
];

export const hostile = fc.constantFrom(...HOSTILE);

/** Options are read key by key: a boxed string has some, and a Date none. */
export const hostileOptions = hostile.filter((value) => !(value instanceof String || value instanceof Date));

const cursor = fc.nat(9).map((at) => named(`cursors[${at}]`, ({ cursors }) => nth([...cursors].reverse(), at)));

/** The options of a list: its filters and what all lists take. Most pages are smaller than the list. */
export const pageOptions = (filters: Record<string, fc.Arbitrary<unknown>> = {}) =>
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record(
        { ...filters, limit: fc.integer({ min: 1, max: 3 }), after: cursor },
        { requiredKeys: ['limit'], noNullPrototype: true },
      ),
    },
    {
      weight: 1,
      arbitrary: fc.record({ limit: hostile, after: hostile }, { requiredKeys: [], noNullPrototype: true }),
    },
    { weight: 1, arbitrary: hostileOptions },
  );
