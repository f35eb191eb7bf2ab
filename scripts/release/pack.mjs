/** Packs what would be published for this machine: the main package, and this platform's with a binary in it. */
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT } from '../build/inputs.mjs';

/** What package.json says to those alone who work on the package. */
const ONLY_HERE = ['scripts', 'devDependencies', 'packageManager', 'napi'];

/**
 * @typedef {object} Tarball
 * @property {string} name of the package
 * @property {string} path
 * @property {string[]} files in it
 * @property {number} unpackedSize in bytes
 */

/**
 * @param {string} binary the addon to pack
 * @param {string} platform such as `linux-x64-gnu`
 * @param {string} destination directory, emptied first
 * @returns {{ main: Tarball, platform: Tarball }}
 */
export function pack(binary, platform, destination) {
  rmSync(destination, { recursive: true, force: true });
  return {
    main: packMain(destination),
    platform: packDirectory(stagePlatform(binary, platform, destination), destination),
  };
}

/**
 * @param {string} destination
 * @returns {Tarball}
 */
export function packMain(destination) {
  return packDirectory(stageSource(ROOT, destination), destination);
}

/**
 * @param {string} destination
 * @returns {Tarball}
 */
export function packConsole(destination) {
  return packDirectory(stageSource(join(ROOT, 'console'), destination), destination);
}

/**
 * Puts a package of this repository together.
 *
 * @param {string} source
 * @param {string} destination
 * @returns {string} its directory
 */
function stageSource(source, destination) {
  const contents = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'));
  const staged = join(destination, 'staged', contents.name);
  rmSync(staged, { recursive: true, force: true });
  for (const { path } of npmPack(source, ['--dry-run']).files) {
    mkdirSync(dirname(join(staged, path)), { recursive: true });
    copyFileSync(join(source, path), join(staged, path));
  }
  for (const field of ONLY_HERE) delete contents[field];
  writeFileSync(join(staged, 'package.json'), `${JSON.stringify(contents, null, 2)}\n`);
  return staged;
}

/**
 * Puts a platform's package together.
 *
 * @param {string} binary
 * @param {string} platform
 * @param {string} destination
 * @returns {string} its directory
 */
export function stagePlatform(binary, platform, destination) {
  const staged = join(destination, platform);
  mkdirSync(staged, { recursive: true });
  for (const file of ['package.json', 'README.md']) copyFileSync(join(ROOT, 'npm', platform, file), join(staged, file));
  copyFileSync(join(ROOT, 'LICENSE'), join(staged, 'LICENSE'));
  copyFileSync(binary, join(staged, `auth-postgres.${platform}.node`));
  return staged;
}

/**
 * The addon that `npm run build:debug` has made, and its platform. Its debugging information stays behind, since
 * it is ten times as large as the code.
 *
 * @param {string} directory where to put it
 * @returns {{ binary: string, platform: string }}
 */
export function debugBinary(directory) {
  const name = readdirSync(ROOT).find((file) => file.endsWith('.node'));
  if (!name) throw new Error('There is no addon: run "npm run build:debug".');
  mkdirSync(directory, { recursive: true });
  const binary = join(directory, name);
  const { status } = spawnSync('strip', ['--strip-debug', '-o', binary, join(ROOT, name)]);
  if (status !== 0) copyFileSync(join(ROOT, name), binary);
  return { binary, platform: /** @type {string} */ (name.split('.')[1]) };
}

/**
 * @param {string} directory of the package
 * @param {string} destination
 * @returns {Tarball}
 */
export function packDirectory(directory, destination) {
  mkdirSync(destination, { recursive: true });
  const { name, filename, files, unpackedSize } = npmPack(directory, ['--pack-destination', destination]);
  return { name, path: join(destination, filename), files: files.map(({ path }) => path).sort(), unpackedSize };
}

/**
 * @param {string} directory of the package
 * @param {string[]} options
 * @returns {{ name: string, filename: string, files: { path: string }[], unpackedSize: number }} what npm says of it
 */
function npmPack(directory, options) {
  const output = execFileSync('npm', ['pack', '--json', '--loglevel=error', ...options], {
    cwd: directory,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  const [packed] = Object.values(JSON.parse(output));
  return packed;
}

/**
 * Lays packages into a project's node_modules as an installation would.
 *
 * @param {Tarball[]} tarballs
 * @param {string} project directory
 */
export function unpackInto(tarballs, project) {
  for (const { name, path } of tarballs) {
    const target = join(project, 'node_modules', name);
    mkdirSync(target, { recursive: true });
    execFileSync('tar', ['-xzf', path, '-C', target, '--strip-components=1']);
  }
}
