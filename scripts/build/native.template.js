/**
 * Loads the native core. Its binary is in this platform's package, which npm installs as an optional dependency. In a clone
 * of the repository it is the one that was built there.
 */

const { existsSync } = require('node:fs');
const { createRequire } = require('node:module');
const { join } = require('node:path');
const { version } = require('./package.json');

/** @import { Native } from './lib/types.js' */

/** @typedef {{ package: () => { version: string }, binary: () => Native }} Entry */

/**
 * Every `require` is written out, so that tools that trace files for deployment find the packages.
 *
 * @type {Record<string, Entry>}
 */
const BINARIES = {
  // <one entry a platform>
};

/** @typedef {{ excludeNetwork: boolean, getReport(): { header: { glibcVersionRuntime?: string } } }} Report */

/** The platform's name among the packages, such as `linux-x64-musl`. */
function platformName() {
  const { platform, arch } = process;
  if (platform === 'linux') return `linux-${arch}-${isMusl() ? 'musl' : 'gnu'}`;
  return platform === 'win32' ? `win32-${arch}-msvc` : `${platform}-${arch}`;
}

/** Node's report has the version of the C library only if that is glibc. */
function isMusl() {
  const report = /** @type {Report | undefined} */ (/** @type {unknown} */ (process.report));
  if (!report) return false;
  const excluded = report.excludeNetwork;
  // Without this the report would look up the hosts of open sockets, which can take seconds.
  report.excludeNetwork = true;
  try {
    return !report.getReport().header.glibcVersionRuntime;
  } finally {
    report.excludeNetwork = excluded;
  }
}

/** @returns {Native} */
function load() {
  const name = platformName();
  const built = join(__dirname, `auth-postgres.${name}.node`);
  // With a `require` of its own, because a bundler could not resolve the path.
  if (existsSync(built)) return createRequire(__filename)(built);

  const packageName = `@kitiumai/auth-postgres-${name}`;
  const entry = BINARIES[name];
  if (!entry) {
    throw new Error(
      `@kitiumai/auth-postgres has no binary for ${name}: there are binaries for ${Object.keys(BINARIES).join(', ')}. ` +
        'On another platform, build it from source: see "Develop" in its README.',
    );
  }
  const found = versionOf(entry, packageName);
  if (found !== version) {
    throw new Error(
      `@kitiumai/auth-postgres ${version} does not fit ${packageName} ${found}: both must have the same version. ` +
        'Install again, and look for an override of the version in package.json.',
    );
  }
  try {
    return entry.binary();
  } catch (cause) {
    throw withCause(`The binary of ${packageName} cannot be loaded on this machine: ${messageOf(cause)}`, cause);
  }
}

/** @param {unknown} error */
const messageOf = (error) => /** @type {Error} */ (error).message;

/**
 * @param {Entry} entry
 * @param {string} packageName
 */
function versionOf(entry, packageName) {
  try {
    return entry.package().version;
  } catch (cause) {
    throw withCause(
      `@kitiumai/auth-postgres needs the package ${packageName} on this platform, and it is not installed. It is an ` +
        'optional dependency: install without --omit=optional (npm), --no-optional (pnpm) or --ignore-optional (yarn), ' +
        'and on this platform: node_modules copied from another one, or a lock file that knows only another one, ' +
        'lack it (remove both and install again). In a bundle, leave @kitiumai/auth-postgres out ("external") and ' +
        'install it beside the bundle.',
      cause,
    );
  }
}

/**
 * Node.js before 16.9 does not know the constructor's `cause`.
 *
 * @param {string} message
 * @param {unknown} cause
 */
function withCause(message, cause) {
  return Object.defineProperty(new Error(message), 'cause', { value: cause, configurable: true, writable: true });
}

module.exports = load();
