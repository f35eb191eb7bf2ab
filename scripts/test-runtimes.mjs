/**
 * `npm run test:runtimes`: the packed package in every supported Node.js, and in the tools that applications use.
 * `-- --quick` ends worker threads in the oldest and the newest Node.js only; `-- -t vitest` runs a part, as jest
 * understands it.
 */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './inputs.mjs';
import { debugBinary, pack, unpackInto } from './pack.mjs';
import { runJest } from './run-jest.mjs';
import { setup } from './setup.mjs';

const directory = join(ROOT, 'target', 'runtimes');
const application = join(directory, 'application');

setup();
prepareApplication();
process.env.RUNTIMES_APPLICATION = application;
const given = process.argv.slice(2);
if (given.includes('--quick')) process.env.RUNTIMES_QUICK = '1';
const args = ['--config', '__test__/runtimes/jest.config.js', ...given.filter((arg) => arg !== '--quick')];
process.exitCode = runJest('runtimes', args) ? 0 : 1;

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
  for (const { name } of tarballs) renumber(join(second, 'node_modules', name, 'package.json'));
}

/** @param {string} file */
function renumber(file) {
  const contents = JSON.parse(readFileSync(file, 'utf8'));
  writeFileSync(file, JSON.stringify({ ...contents, version: '999.0.0' }));
}
