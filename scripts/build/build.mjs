/**
 * Builds the addon: `node scripts/build/build.mjs [--release]`.
 *
 * Writes `auth-postgres.<platform>.node`, the typings `index.d.ts`, their reference `docs/api.md`, the loader `native.js` and
 * the packages under npm/.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { generatePackages } from './generate-packages.mjs';
import { inputsHash, markAddonCurrent, ROOT } from './inputs.mjs';
import { writeReference } from './reference.mjs';
import { checkSize } from './size.mjs';
import { checkToolchain, SetupError } from './toolchain.mjs';

const RAW_TYPINGS = 'target/native.d.ts';

generatePackages();
const hash = inputsHash();
try {
  checkToolchain();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(error.message);
  process.exit(1);
}

const isRelease = process.argv.includes('--release');
run(join(ROOT, 'node_modules', '@napi-rs', 'cli', 'dist', 'cli.js'), [
  ...['build', '--platform', '--no-js', '--dts', RAW_TYPINGS],
  ...(isRelease ? ['--release'] : []),
  // Where nobody is developing, a stale Cargo.lock is an error.
  ...(process.env.CI ? ['--', '--locked'] : []),
]);
if (isRelease) {
  const addons = readdirSync(ROOT).filter((name) => /^auth-postgres\..*\.node$/.test(name));
  for (const name of addons) checkSize(join(ROOT, name));
}
const typings = join(ROOT, 'scripts', 'build', 'typings.mjs');
if (existsSync(typings)) run(typings, [RAW_TYPINGS, 'index.d.ts']);
writeReference();
markAddonCurrent(hash);

/**
 * @param {string} script
 * @param {string[]} args
 */
function run(script, args) {
  const { status } = spawnSync(process.execPath, [script, ...args], { cwd: ROOT, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
