/**
 * Makes an example ready in a clone: `node ../prepare.mjs` in its directory. Its dependencies are installed, and instead of
 * this repository it gets the packages that would be published, so that it finds nothing an application would not have.
 */
import { cpSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ROOT } from '../scripts/build/inputs.mjs';
import { runQuietly } from '../scripts/build/progress.mjs';
import { setup } from '../scripts/build/setup.mjs';
import { debugBinary, pack, packDirectory, unpackInto } from '../scripts/release/pack.mjs';

const CONSOLE = '@kitiumai/auth-postgres-console';

/** @param {string} directory of the example */
export async function prepareExample(directory) {
  await setup();
  await installDependencies(basename(directory));
  const packed = join(ROOT, 'target', 'examples', 'packed');
  const { binary, platform } = debugBinary(join(ROOT, 'target', 'examples', 'stripped'));
  const tarballs = Object.values(pack(binary, platform, packed));
  const { dependencies } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
  if (CONSOLE in dependencies) tarballs.push(packDirectory(join(ROOT, 'console'), packed));

  rmSync(join(directory, 'node_modules', '@kitiumai'), { recursive: true, force: true });
  unpackInto(tarballs, directory);
  if (CONSOLE in dependencies) linkDependencies(join(directory, 'node_modules', CONSOLE));
}

/** @param {string} name of the example */
async function installDependencies(name) {
  const { packageManager } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const options = ['--frozen-lockfile', '--config.confirmModulesPurge=false', '--reporter=append-only'];
  const isDone = await runQuietly(
    `installing the dependencies of ${name}`,
    'npx',
    ['--yes', packageManager, 'install', '--filter', `./${name}`, ...options],
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

if (import.meta.filename === process.argv[1]) await prepareExample(process.cwd());
