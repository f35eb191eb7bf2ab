/** The crates that end up in the addon, as cargo knows them. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../build/inputs.mjs';

/**
 * @typedef {object} Crate
 * @property {string} name
 * @property {string} version
 * @property {string} licence an SPDX expression
 * @property {string} [checksum] SHA-256 of what crates.io has; crates of this repository have none
 */

/**
 * Those that are compiled into the addon on any of its platforms; what only builds or tests need is left out.
 *
 * @returns {Crate[]} in the order of their names and versions
 */
export function compiledCrates() {
  const output = execFileSync('cargo', ['metadata', '--locked', '--format-version', '1'], {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const { packages, resolve } = JSON.parse(output);
  const own = licenceOfRoot(packages, resolve.root);
  const checksums = checksumsOfLock();
  /** @type {Map<string, any>} */
  const nodes = new Map(resolve.nodes.map((/** @type {any} */ node) => [node.id, node]));
  const isMacro = new Map(packages.map((/** @type {any} */ { id, targets }) => [id, targets.some(isProcMacro)]));
  const reached = new Set([resolve.root]);
  for (const id of reached) {
    for (const { pkg, dep_kinds: kinds } of nodes.get(id).deps) {
      // A procedural macro runs in the compiler, with all that it depends on.
      if (!isMacro.get(pkg) && kinds.some((/** @type {any} */ { kind }) => kind === null)) reached.add(pkg);
    }
  }
  reached.delete(resolve.root);
  return packages
    .filter((/** @type {any} */ { id }) => reached.has(id))
    .map((/** @type {any} */ { name, version, license, source }) => ({
      // The stand-ins under crates/ are part of this repository.
      ...{ name, version, licence: license?.replaceAll('/', ' OR ') ?? (source === null ? own : '') },
      ...(source !== null && { checksum: checksums.get(`${name} ${version}`) }),
    }))
    .sort((/** @type {Crate} */ one, /** @type {Crate} */ other) =>
      `${one.name} ${one.version}` < `${other.name} ${other.version}` ? -1 : 1,
    );
}

/** @param {{ kind: string[] }} target */
function isProcMacro({ kind }) {
  return kind.includes('proc-macro');
}

/**
 * @param {any[]} packages
 * @param {string} root
 */
function licenceOfRoot(packages, root) {
  return packages.find(({ id }) => id === root).license;
}

/** @returns {Map<string, string>} by name and version */
function checksumsOfLock() {
  const lock = readFileSync(join(ROOT, 'Cargo.lock'), 'utf8');
  const entries = lock.matchAll(/^name = "(.+)"\nversion = "(.+)"\nsource = .+\nchecksum = "(.+)"$/gm);
  return new Map([...entries].map(([, name, version, checksum]) => [`${name} ${version}`, `${checksum}`]));
}
