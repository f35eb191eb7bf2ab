/** The list of mistakes that `npm run test:mutants` makes fits the source as it is. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { placesOf } from './apply.cjs';
import mutants from './list.cjs';

const TESTS = join(__dirname, '..');
const ROOT = join(TESTS, '..');

it.each(mutants)('$name replaces a text that stands in exactly one place', (mutant) => {
  expect(placesOf(ROOT, mutant)).toHaveLength(1);
  expect(mutant.replace).not.toBe(mutant.find);
});

it.each(mutants)('$name names tests that exist', ({ tests = [], unit }) => {
  expect(tests.length > 0 || unit !== undefined).toBe(true);
  for (const name of tests) expect(existsSync(join(TESTS, `${name}.test.ts`))).toBe(true);
});

it('has no two mistakes of one name', () => {
  const names = mutants.map(({ name }) => name);
  expect(names).toEqual([...new Set(names)]);
});
