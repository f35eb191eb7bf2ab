/** The platforms that binaries are published for: what package.json's `napi.targets` names, and how npm describes each. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './inputs.mjs';

/** @type {Record<string, { os: string, label: string }>} */
const SYSTEMS = {
  'apple-darwin': { os: 'darwin', label: 'macOS' },
  'pc-windows-msvc': { os: 'win32', label: 'Windows' },
  'unknown-linux-gnu': { os: 'linux', label: 'Linux with glibc' },
  'unknown-linux-musl': { os: 'linux', label: 'Linux with musl' },
};
/** @type {Record<string, string>} */
const PROCESSORS = { aarch64: 'arm64', x86_64: 'x64' };
/** What npm calls the C library, by the last word of a target. @type {Record<string, string>} */
const C_LIBRARIES = { gnu: 'glibc', musl: 'musl' };

/**
 * @typedef {object} Platform
 * @property {string} target as Rust names it
 * @property {string} name such as `linux-x64-musl`: that of the directory under npm/, and the end of the package's name
 * @property {string} label for people
 * @property {string} os
 * @property {string} cpu
 * @property {string} [libc]
 */

export function readPackage() {
  return JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
}

/** @returns {Platform[]} in the order of their names */
export function platforms() {
  return readPackage()
    .napi.targets.map(platformOf)
    .sort((/** @type {Platform} */ a, /** @type {Platform} */ b) => (a.name < b.name ? -1 : 1));
}

/**
 * @param {string} target
 * @returns {Platform}
 */
function platformOf(target) {
  const [processor = '', ...system] = target.split('-');
  const cpu = PROCESSORS[processor];
  const { os, label } = SYSTEMS[system.join('-')] ?? {};
  if (!cpu || !os)
    throw new Error(`"${target}" among package.json's napi.targets is not known to scripts/build/platforms.mjs.`);
  const abi = os === 'darwin' ? undefined : system.at(-1);
  const libc = abi && C_LIBRARIES[abi];
  const name = [os, cpu, abi].filter(Boolean).join('-');
  return { target, name, label: `${label}, ${cpu}`, os, cpu, ...(libc && { libc }) };
}
