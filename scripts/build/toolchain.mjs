/** What has to be on the machine before anything can be built, said in one sentence when it is not. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { ROOT } from './inputs.mjs';

const OLDEST_NODE = 20;

/** A problem that the user can solve; its message is all there is to say. */
export class SetupError extends Error {}

export function checkToolchain() {
  const node = process.versions.node;
  if (Number.parseInt(node, 10) < OLDEST_NODE) {
    throw new SetupError(
      `Node.js ${OLDEST_NODE} or newer is needed for development, this is ${node}: https://nodejs.org`,
    );
  }
  useWritableHome();
  checkRust();
  // On Windows, rustup itself asks for Microsoft's build tools.
  if (process.platform !== 'win32' && !['cc', 'gcc', 'clang'].some((name) => versionOf(name))) {
    throw new SetupError(
      'A C compiler is missing (cc, gcc or clang): install your system\'s, for example "apt-get install build-essential" or "xcode-select --install".',
    );
  }
}

function checkRust() {
  // Fresh from rustup, before the shell has been restarted.
  const installed = join(process.env.CARGO_HOME ?? join(homedir(), '.cargo'), 'bin');
  if (!versionOf('cargo') && existsSync(installed)) process.env.PATH += delimiter + installed;

  const needed = /^rust-version = "(.+)"/m.exec(readFileSync(join(ROOT, 'Cargo.toml'), 'utf8'))?.[1] ?? '0';
  const found = versionOf('cargo');
  if (!found) {
    throw new SetupError(
      `Rust is missing (no working "cargo" in the PATH): install Rust ${needed} or newer from https://rustup.rs and run this again.`,
    );
  }
  if (found.localeCompare(needed, 'en', { numeric: true }) < 0) {
    throw new SetupError(
      `Rust ${needed} or newer is needed, this is ${found}: run "rustup update" (https://rustup.rs).`,
    );
  }
}

/**
 * npm, pnpm and cargo keep their caches in the home directory; where it cannot be written (a system
 * account, say), they get one under target/.
 */
function useWritableHome() {
  const home = homedir();
  try {
    accessSync(home, constants.W_OK);
  } catch {
    const own = join(ROOT, 'target', 'home');
    mkdirSync(own, { recursive: true });
    process.env.RUSTUP_HOME ??= join(home, '.rustup');
    process.env.PATH += delimiter + join(home, '.cargo', 'bin');
    process.env.HOME = own;
    for (const name of ['npm_config_cache', 'XDG_CACHE_HOME', 'XDG_DATA_HOME', 'XDG_STATE_HOME', 'CARGO_HOME']) {
      delete process.env[name];
    }
  }
}

/** @param {string} program */
function versionOf(program) {
  const { status, stdout } = spawnSync(program, ['--version'], { encoding: 'utf8', cwd: ROOT });
  return status === 0 ? (/\d+(\.\d+)+/.exec(stdout)?.[0] ?? '0') : undefined;
}
