/** The table of error codes in src/error.rs, and everything that has to agree with it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { KINDS, rejection } from './helpers/errors';

const { findCore } = require('../lib/call.js');
const native = require('../native.js');

interface Properties {
  kind: string;
  severity: string;
  statusCode: number;
}

const TABLE: [code: string, properties: Properties][] = JSON.parse(native.errorCodes());
const STORAGE = new PostgresStorageAdapter('postgres://localhost/database');

const readRoot = (file: string) => readFileSync(join(__dirname, '..', file), 'utf8');
const sorted = <T>(values: Iterable<T>): T[] => [...values].sort();

/** The literals of a union type, such as `'a' | 'b'`. */
const literals = (union = '') => [...union.matchAll(/'([^']+)'/g)].map(([, literal]) => literal as string);

it('the table has each code once', () => {
  const codes = TABLE.map(([code]) => code);
  expect(codes.length).toBeGreaterThan(20);
  expect(new Set(codes).size).toBe(codes.length);
});

it('the typings list the table’s codes, kinds and severities', () => {
  const typings = readRoot('index.d.ts');
  const codes = literals(/^export type ErrorCode =([^;]+);/m.exec(typings)?.[1]);
  expect(codes).toEqual(TABLE.map(([code]) => code));
  const kinds = literals(/^ {2}readonly kind: (.+);$/m.exec(typings)?.[1]);
  expect(sorted(kinds)).toEqual(sorted(new Set(TABLE.map(([, { kind }]) => kind))));
  const severities = literals(/^ {2}readonly severity: (.+);$/m.exec(typings)?.[1]);
  expect(severities).toEqual(expect.arrayContaining(TABLE.map(([, { severity }]) => severity)));
});

it('docs/errors.md lists the table’s codes with their kinds and statuses', () => {
  const rows = readRoot('docs/errors.md').matchAll(/^\| (`[a-z_`, ]+`) \| ([a-z_]+) (\d{3}) \|/gm);
  const listed = [...rows].flatMap(([, codes, kind, status]) =>
    [...(codes as string).matchAll(/`(\w+)`/g)].map(([, code]) => [`auth_postgres/${code}`, kind, Number(status)]),
  );
  expect(sorted(listed)).toEqual(sorted(TABLE.map(([code, { kind, statusCode }]) => [code, kind, statusCode])));
});

it('the other tests expect the table’s codes and kinds', () => {
  const expected = Object.entries(KINDS).map(([code, kind]) => [`auth_postgres/${code}`, kind]);
  expect(sorted(expected)).toEqual(sorted(TABLE.map(([code, { kind }]) => [code, kind])));
});

it.each([
  ['invalid_input', () => STORAGE.getUser(7 as never), false],
  ['cancelled', () => STORAGE.getUser('id', { timeoutMs: 0 }), true],
  ['internal', () => withBrokenCore().getUser('id'), false],
])('the facade’s own errors have the table’s properties: %s', async (name, call, retryable) => {
  const code = `auth_postgres/${name}`;
  const properties = TABLE.find(([each]) => each === code)?.[1];
  expect({ ...(await rejection(call())) }).toStrictEqual({
    code,
    ...properties,
    retryable,
    context: expect.anything(),
  });
});

/** An adapter whose native half fails before it has the call. */
function withBrokenCore(): PostgresStorageAdapter {
  const storage = new PostgresStorageAdapter('postgres://localhost/database');
  findCore(storage).native.getUser = () => {
    throw new Error('broken');
  };
  return storage;
}
