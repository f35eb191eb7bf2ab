/** The files of the facade: they are short, and none requires itself through others. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { circlesOf } from './helpers/circles';

const FOLDER = join(__dirname, '..', 'lib');
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith('.js'));
const textOf = (file: string) => readFileSync(join(FOLDER, file), 'utf8');
const requiredBy = (file: string) =>
  [...textOf(file).matchAll(/require\('\.\/([^']+)'\)/g)].map(([, name]) => name as string);

it.each(FILES)('%s has at most 150 lines', (file) => {
  expect(textOf(file).trimEnd().split('\n').length).toBeLessThanOrEqual(150);
});

it('no files require each other in a circle', () => {
  expect(circlesOf(new Map(FILES.map((file) => [file, new Set(requiredBy(file))])))).toEqual([]);
});

it('every file is required by another one', () => {
  const entry = readFileSync(join(FOLDER, '..', 'index.js'), 'utf8');
  const required = new Set([
    ...FILES.flatMap(requiredBy),
    ...[...entry.matchAll(/lib\/([\w-]+\.js)/g)].map(([, name]) => name),
  ]);
  expect(FILES.filter((file) => !required.has(file))).toEqual([]);
});
