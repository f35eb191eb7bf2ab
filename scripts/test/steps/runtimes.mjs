/**
 * `npm run test:runtimes`: the packed package in every supported Node.js, and in the tools that applications use.
 * `-- --quick` ends worker threads in the oldest and the newest Node.js only; `-- -t vitest` runs a part, as jest
 * understands it.
 */
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../build/inputs.mjs';
import { debugBinary, pack, unpackInto } from '../../release/pack.mjs';

const directory = join(ROOT, 'target', 'runtimes');
const application = join(directory, 'application');

/** @param {string[]} given */
export function prepare(given) {
  prepareApplication();
  process.env.RUNTIMES_APPLICATION = application;
  if (given.includes('--quick')) process.env.RUNTIMES_QUICK = '1';
  return given.filter((arg) => arg !== '--quick');
}

/** A project with the package installed, and another version of it for one of the project's dependencies. */
function prepareApplication() {
  rmSync(directory, { recursive: true, force: true });
  cpSync(join(ROOT, '__test__', 'runtimes', 'application'), application, { recursive: true });
  cpSync(join(ROOT, '__test__', 'types'), join(application, 'types'), { recursive: true });
  writeFileSync(join(application, 'package.json'), '{"private":true}');

  const { binary, platform } = debugBinary(join(directory, 'stripped'));
  const tarballs = Object.values(pack(binary, platform, join(directory, 'packed')));
  unpackInto(tarballs, application);
  const second = join(application, 'second');
  unpackInto(tarballs, second);
  for (const { name } of tarballs) renumber(join(second, 'node_modules', name));
}

/**
 * The loader of the main package knows its version, too.
 *
 * @param {string} directory of a package
 */
function renumber(directory) {
  const file = join(directory, 'package.json');
  const contents = JSON.parse(readFileSync(file, 'utf8'));
  writeFileSync(file, JSON.stringify({ ...contents, version: '999.0.0' }));
  const loader = join(directory, 'native.js');
  if (!existsSync(loader)) return;
  writeFileSync(loader, readFileSync(loader, 'utf8').replace(`'${contents.version}'`, `'999.0.0'`));
}
