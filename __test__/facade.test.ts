/** The files of the facade: none is long, and none needs itself. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = join(__dirname, '..', 'lib');
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith('.js'));
const textOf = (file: string) => readFileSync(join(FOLDER, file), 'utf8');
const neededBy = (file: string) =>
  [...textOf(file).matchAll(/require\('\.\/([^']+)'\)/g)].map(([, name]) => name as string);

it.each(FILES)('%s has at most 150 lines', (file) => {
  expect(textOf(file).trimEnd().split('\n').length).toBeLessThanOrEqual(150);
});

/** Follows the requirements of a file until one of them is a file on the way. */
function findCircle(file: string, way: string[] = []): string[] | undefined {
  if (way.includes(file)) return [...way, file];
  for (const needed of neededBy(file)) {
    const circle = findCircle(needed, [...way, file]);
    if (circle) return circle;
  }
  return undefined;
}

it.each(FILES)('%s is in no circle of requirements', (file) => {
  expect(findCircle(file)).toBeUndefined();
});

it('has no file that nothing needs', () => {
  const entry = readFileSync(join(FOLDER, '..', 'index.js'), 'utf8');
  const needed = new Set([
    ...FILES.flatMap(neededBy),
    ...[...entry.matchAll(/lib\/([\w-]+\.js)/g)].map(([, name]) => name),
  ]);
  expect(FILES.filter((file) => !needed.has(file))).toEqual([]);
});
