/** The files of the facade: they are short, and none requires itself through others. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = join(__dirname, '..', 'lib');
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith('.js'));
const textOf = (file: string) => readFileSync(join(FOLDER, file), 'utf8');
const requiredBy = (file: string) =>
  [...textOf(file).matchAll(/require\('\.\/([^']+)'\)/g)].map(([, name]) => name as string);

it.each(FILES)('%s has at most 150 lines', (file) => {
  expect(textOf(file).trimEnd().split('\n').length).toBeLessThanOrEqual(150);
});

/** Follows what a file requires until it comes to a file for the second time. */
function findCircle(file: string, way: string[] = []): string[] | undefined {
  if (way.includes(file)) return [...way, file];
  for (const required of requiredBy(file)) {
    const circle = findCircle(required, [...way, file]);
    if (circle) return circle;
  }
  return undefined;
}

it.each(FILES)('%s requires no file that requires it', (file) => {
  expect(findCircle(file)).toBeUndefined();
});

it('every file is required by another one', () => {
  const entry = readFileSync(join(FOLDER, '..', 'index.js'), 'utf8');
  const required = new Set([
    ...FILES.flatMap(requiredBy),
    ...[...entry.matchAll(/lib\/([\w-]+\.js)/g)].map(([, name]) => name),
  ]);
  expect(FILES.filter((file) => !required.has(file))).toEqual([]);
});
