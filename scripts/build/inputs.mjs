/** What the addon is built of, so that nothing is built twice. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

const INPUTS = [
  'src',
  'crates',
  'migrations',
  'Cargo.toml',
  'Cargo.lock',
  'build.rs',
  'package.json',
  'scripts/build/build.mjs',
  'scripts/build/generate-packages.mjs',
  'scripts/build/native.template.js',
  'scripts/build/platforms.mjs',
  'scripts/build/typings.mjs',
];
const STAMP = join(ROOT, 'target', 'addon.sha256');

/** @returns {boolean} */
export function addonIsCurrent() {
  const hasBinary = readdirSync(ROOT).some((name) => name.endsWith('.node'));
  const isComplete = hasBinary && existsSync(join(ROOT, 'index.d.ts'));
  return isComplete && existsSync(STAMP) && readFileSync(STAMP, 'utf8') === inputsHash();
}

/** @param {string} hash taken before the build, so that a change made meanwhile is not missed */
export function markAddonCurrent(hash) {
  mkdirSync(dirname(STAMP), { recursive: true });
  writeFileSync(STAMP, hash);
}

/** @returns {string} */
export function inputsHash() {
  return hashOf(INPUTS.flatMap(filesUnder));
}

/**
 * @param {string[]} files relative to the root
 * @returns {string}
 */
export function hashOf(files) {
  const hash = createHash('sha256').update(`${process.platform}-${process.arch}`);
  for (const file of files) {
    const text = readFileSync(join(ROOT, file));
    hash.update(`\n${file} ${text.length}\n`).update(text);
  }
  return hash.digest('hex');
}

/**
 * @param {string} name
 * @returns {string[]}
 */
function filesUnder(name) {
  const path = join(ROOT, name);
  if (!existsSync(path)) return [];
  if (statSync(path).isFile()) return [name];
  return readdirSync(path)
    .sort()
    .flatMap((child) => filesUnder(`${name}/${child}`));
}
