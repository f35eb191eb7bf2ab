/**
 * Makes a clone ready to work in: dependencies installed, addon built (in debug mode). Each step
 * happens only when its inputs have changed. Plain Node, since nothing is installed yet.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { addonIsCurrent, hashOf, ROOT } from './inputs.mjs';
import { checkToolchain, SetupError } from './toolchain.mjs';

export function setup() {
  try {
    checkToolchain();
    installDependencies();
    buildAddon();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(`setup: ${error.message}`);
    process.exit(1);
  }
}

function installDependencies() {
  const stamp = join(ROOT, 'node_modules', '.setup.sha256');
  const hash = hashOf(['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml']);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return;

  const { packageManager } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  console.log(`setup: installing dependencies with ${packageManager}`);
  const install = ['install', '--frozen-lockfile', '--config.confirmModulesPurge=false', '--reporter=append-only'];
  const { status, stdout } = spawnSync('npx', ['--yes', packageManager, ...install], {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    // npx is a batch file there.
    shell: process.platform === 'win32',
  });
  if (status !== 0) throw new SetupError(`the dependencies could not be installed.\n${stdout ?? ''}`);
  writeFileSync(stamp, hash);
}

function buildAddon() {
  if (addonIsCurrent()) return;
  console.log('setup: building the addon (debug); the first time takes a few minutes');
  const { status } = spawnSync(process.execPath, [join(ROOT, 'scripts', 'build', 'build.mjs')], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  if (status !== 0) throw new SetupError('the addon could not be built; see above.');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  setup();
  console.log('setup: ready');
}
