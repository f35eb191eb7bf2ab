/**
 * Makes a clone ready to work in: dependencies installed, addon built (in debug mode). Each step
 * happens only when its inputs have changed. Plain Node, since nothing is installed yet.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { addonIsCurrent, hashOf, ROOT } from './inputs.mjs';
import { runQuietly } from './progress.mjs';
import { checkToolchain, SetupError } from './toolchain.mjs';

export async function setup() {
  try {
    checkToolchain();
    await installDependencies();
    await buildAddon();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(`setup: ${error.message}`);
    process.exit(1);
  }
}

async function installDependencies() {
  const stamp = join(ROOT, 'node_modules', '.setup.sha256');
  const hash = hashOf(['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml']);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return;

  const { packageManager } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const install = ['install', '--frozen-lockfile', '--config.confirmModulesPurge=false', '--reporter=append-only'];
  const isDone = await runQuietly('installing the dependencies', 'npx', ['--yes', packageManager, ...install], {
    cwd: ROOT,
    // npx is a batch file there.
    shell: process.platform === 'win32',
  });
  if (!isDone) throw new SetupError('the dependencies could not be installed. The output above says why.');
  writeFileSync(stamp, hash);
}

async function buildAddon() {
  if (addonIsCurrent()) return;
  const script = join(ROOT, 'scripts', 'build', 'build.mjs');
  const title = 'building the addon (a debug build, the first one takes some minutes)';
  const isDone = await runQuietly(title, process.execPath, [script], { cwd: ROOT });
  if (!isDone) throw new SetupError('the addon could not be built. The output above says why.');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await setup();
