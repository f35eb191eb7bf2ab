/** The files of the facade and of the command line: they are short, and none requires itself through others. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { circlesOf } from './helpers/circles';

const FOLDER = join(__dirname, '..', 'lib');
const FILES = filesIn('');
const IS_OF_COMMAND_LINE = /^cli\//;
/** A subpath of its own, with an optional peer. */
const IS_OF_TELEMETRY = /^otel\//;

/** Paths below lib/. */
function filesIn(folder: string): string[] {
  return readdirSync(join(FOLDER, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(folder, entry.name);
    return entry.isDirectory() ? filesIn(path) : path.endsWith('.js') ? [path] : [];
  });
}

const textOf = (file: string) => readFileSync(join(FOLDER, file), 'utf8');
const requiredBy = (file: string) =>
  [...textOf(file).matchAll(/require\('(\.[^']+)'\)/g)]
    .map(([, name]) => posix.join(posix.dirname(file), name as string))
    .filter((path) => FILES.includes(path));

it.each(FILES)('%s has at most 150 lines', (file) => {
  expect(textOf(file).trimEnd().split('\n').length).toBeLessThanOrEqual(150);
});

it('no files require each other in a circle', () => {
  expect(circlesOf(new Map(FILES.map((file) => [file, new Set(requiredBy(file))])))).toEqual([]);
});

it('every file is required by another one', () => {
  const entry = readFileSync(join(FOLDER, '..', 'index.js'), 'utf8');
  const manifest = JSON.parse(readFileSync(join(FOLDER, '..', 'package.json'), 'utf8'));
  const required = new Set([
    ...FILES.flatMap(requiredBy),
    ...[...entry.matchAll(/lib\/([\w-]+\.js)/g)].map(([, name]) => name),
    ...[
      ...Object.values<string>(manifest.bin),
      ...['./otel', './testing'].map((subpath) => manifest.exports[subpath].default),
    ].map((path) => path.replace(/^(\.\/)?lib\//, '')),
    // A process of its own.
    'testing/supervisor.js',
  ]);
  expect(FILES.filter((file) => !required.has(file))).toEqual([]);
});

it('the library loads neither the command line nor what that depends on', () => {
  const library = FILES.filter((file) => !IS_OF_COMMAND_LINE.test(file));
  const main = library.filter((file) => !IS_OF_TELEMETRY.test(file));
  const loaded = library.flatMap((file) => requiredBy(file).filter((path) => IS_OF_COMMAND_LINE.test(path)));
  expect(loaded).toEqual([]);
  const foreign = main.flatMap((file) =>
    [...textOf(file).matchAll(/require\('([^.'][^']*)'\)/g)].map(([, name]) => name),
  );
  expect(foreign.filter((name) => !name?.startsWith('node:'))).toEqual([]);
});
