/**
 * Makes an example ready in a clone: `node ../prepare.mjs` in its directory. Its dependencies are installed, and instead of
 * this repository it gets the packages that would be published, so that it finds nothing an application would not have.
 */
import { cpSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ROOT } from '../scripts/build/inputs.mjs';
import { runQuietly } from '../scripts/build/progress.mjs';
import { setup } from '../scripts/build/setup.mjs';
import { debugBinary, pack, packConsole, unpackInto } from '../scripts/release/pack.mjs';

const CONSOLE = '@kitiumai/auth-postgres-console';

/** @param {string[]} names of examples */
export async function prepareExamples(names) {
  await setup();
  await installDependencies(names);
  const packed = join(ROOT, 'target', 'examples', 'packed');
  const { binary, platform } = debugBinary(join(ROOT, 'target', 'examples', 'stripped'));
  const store = Object.values(pack(binary, platform, packed));
  const withConsole = [...store, packConsole(packed)];

  for (const directory of names.map((name) => join(ROOT, 'examples', name))) {
    const { dependencies } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
    const hasConsole = CONSOLE in dependencies;
    rmSync(join(directory, 'node_modules', '@kitiumai'), { recursive: true, force: true });
    unpackInto(hasConsole ? withConsole : store, directory);
    if (hasConsole) linkDependencies(join(directory, 'node_modules', CONSOLE));
  }
}

/** @param {string[]} names of examples */
async function installDependencies(names) {
  const { packageManager } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const options = ['--frozen-lockfile', '--config.confirmModulesPurge=false', '--reporter=append-only'];
  const isDone = await runQuietly(
    `installing the dependencies of ${names.join(', ')}`,
    'npx',
    ['--yes', packageManager, 'install', ...names.flatMap((name) => ['--filter', `./${name}`]), ...options],
    // npx is a batch file there.
    { cwd: join(ROOT, 'examples'), shell: process.platform === 'win32' },
  );
  if (!isDone) process.exit(1);
}

/** The console's own dependencies, which the unpacked package finds nowhere above it. @param {string} unpacked */
function linkDependencies(unpacked) {
  const { dependencies } = JSON.parse(readFileSync(join(unpacked, 'package.json'), 'utf8'));
  for (const name of Object.keys(dependencies)) {
    const target = join(unpacked, 'node_modules', name);
    cpSync(join(ROOT, 'console', 'node_modules', name), target, { recursive: true, dereference: true });
  }
}

if (import.meta.filename === process.argv[1]) await prepareExamples([basename(process.cwd())]);
