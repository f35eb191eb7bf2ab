/**
 * Builds what is published for one target, and puts it into that platform's package:
 * `node scripts/release/build-artifact.mjs x86_64-unknown-linux-gnu`.
 *
 * Linux targets are linked by zig, from PyPI: against glibc 2.17 for the gnu ones, whatever this machine has.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ROOT } from '../build/inputs.mjs';
import { platforms } from '../build/platforms.mjs';
import { checkSize } from '../build/size.mjs';

const OLDEST_GLIBC = '2.17';
const ZIG_PACKAGES = ['ziglang==0.17.1', 'cargo-zigbuild==0.24.1'];

/**
 * @param {string} target
 * @returns {{ binary: string, platform: string }}
 */
export function buildArtifact(target) {
  const all = platforms();
  const platform = all.find((each) => each.target === target)?.name;
  if (!platform) throw new Error(`No target "${target}"; there are ${all.map((each) => each.target).join(', ')}.`);
  const isLinux = platform.startsWith('linux');
  const isGnu = platform.endsWith('-gnu');
  const env = isLinux ? zigEnvironment() : process.env;
  const build = [isLinux ? 'zigbuild' : 'build', '--release', '--locked'];
  run('cargo', [...build, '--target', isGnu ? `${target}.${OLDEST_GLIBC}` : target], env);

  const library = /** @type {[string, string]} */ (
    platform.startsWith('win32') ? ['', 'dll'] : ['lib', isLinux ? 'so' : 'dylib']
  );
  const built = join(ROOT, 'target', target, 'release', `${library[0]}auth_postgres.${library[1]}`);
  const binary = join(ROOT, 'npm', platform, `auth-postgres.${platform}.node`);
  copyFileSync(built, binary);
  checkSize(binary);
  if (isGnu) checkGlibc(binary);
  return { binary, platform };
}

/** Zig and cargo-zigbuild under target/, whatever the system's Python allows to be installed. */
function zigEnvironment() {
  const home = join(ROOT, 'target', 'zig');
  if (!existsSync(join(home, 'bin', 'cargo-zigbuild'))) {
    run('python3', ['-m', 'pip', 'install', '--quiet', '--upgrade', '--target', home, ...ZIG_PACKAGES]);
  }
  return { ...process.env, PYTHONPATH: home, PATH: `${join(home, 'bin')}${delimiter}${process.env.PATH}` };
}

/** @param {string} binary */
function checkGlibc(binary) {
  const newest = newestGlibc(binary);
  console.log(`${binary}: needs glibc ${newest}`);
  if (newest.localeCompare(OLDEST_GLIBC, 'en', { numeric: true }) > 0) {
    throw new Error(`${binary} needs glibc ${newest}; ${OLDEST_GLIBC} must do.`);
  }
}

/**
 * The newest version of glibc's symbols that a binary asks for, by `objdump`.
 *
 * @param {string} binary
 * @returns {string}
 */
export function newestGlibc(binary) {
  const { status, stdout, stderr } = spawnSync('objdump', ['-T', binary], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`objdump failed: ${stderr}`);
  const versions = [...stdout.matchAll(/GLIBC_([\d.]+)/g)].map(([, version]) => version ?? '');
  return versions.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1) ?? '0';
}

/**
 * @param {string} program
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} [env]
 */
function run(program, args, env) {
  const { status, error } = spawnSync(program, args, { cwd: ROOT, stdio: 'inherit', env });
  if (status !== 0) throw new Error(`${program} ${args[0]} failed${error ? `: ${error.message}` : ''}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) buildArtifact(process.argv[2] ?? '');
