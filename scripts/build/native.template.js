/**
 * Loads the native core. Its binary is in this platform's package, which npm installs as an optional dependency. In a clone
 * of the repository it is the one that was built there.
 */

const { closeSync, existsSync, openSync, readSync } = require('node:fs');
const { createRequire } = require('node:module');
const { dirname, isAbsolute, join } = require('node:path');
const { fileURLToPath } = require('node:url');

/** @import { Native } from './lib/types.js' */

/** @typedef {{ package: () => { version: string }, binary: () => Native, traced: () => boolean[] }} Entry */

const NAME = '<name>';
const VERSION = '<version>';

/**
 * Bundlers look for what `require` is called with, and could not find the packages of other platforms, or bundle a binary.
 * They do not know this function.
 */
const requireHere = createRequire(place());

/**
 * `traced` is never called. It names the files to tools that trace what a deployment needs, such as those of Next.js, even
 * if this file is part of a bundle: they read paths, and pass over what is not there.
 *
 * @type {Record<string, Entry>}
 */
const BINARIES = {
  // <one entry a platform>
};

/** The file that this code is in: a bundle, if it has been bundled. */
function place() {
  // Bundlers leave the name undefined, or put one there that leads nowhere.
  if (typeof __filename === 'string' && isAbsolute(__filename) && existsSync(__filename)) return __filename;
  const file = bundleFile();
  if (file?.startsWith('file:')) return fileURLToPath(file);
  return file && isAbsolute(file) ? file : workingDirectory();
}

/** @returns {string | null | undefined} the file that the stack shows */
function bundleFile() {
  const { prepareStackTrace } = Error;
  try {
    Error.prepareStackTrace = (_, sites) => sites[0]?.getFileName();
    return /** @type {string | undefined} */ (/** @type {unknown} */ (new Error().stack));
  } finally {
    Error.prepareStackTrace = prepareStackTrace;
  }
}

/** As a file in it. */
function workingDirectory() {
  return join(process.cwd(), 'package.json');
}

/** The platform's name among the packages, such as `linux-x64-musl`. */
function platformName() {
  const { platform, arch } = process;
  if (platform === 'linux') return `linux-${arch}-${isMusl() ? 'musl' : 'gnu'}`;
  return platform === 'win32' ? `win32-${arch}-msvc` : `${platform}-${arch}`;
}

/** A program names the loader of its C library near its beginning. */
function isMusl() {
  const start = Buffer.alloc(2048);
  try {
    const file = openSync(process.execPath, 'r');
    readSync(file, start, 0, start.length, 0);
    closeSync(file);
  } catch {
    // The report tells.
  }
  if (start.includes('/ld-musl-')) return true;
  return !start.includes('/ld-linux-') && isMuslByReport();
}

/** @typedef {{ excludeNetwork: boolean, getReport(): { header: { glibcVersionRuntime?: string } } }} Report */

/** Node's report has the version of the C library only if that is glibc. It takes milliseconds. */
function isMuslByReport() {
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
  const built = join(dirname(place()), `auth-postgres.${name}.node`);
  if (existsSync(built)) return requireHere(built);

  const packageName = `${NAME}-${name}`;
  const entry = BINARIES[name];
  if (!entry) {
    throw new Error(
      `${NAME} has no binary for ${name}: there are binaries for ${Object.keys(BINARIES).join(', ')}. ` +
        'On another platform, build it from source: see "Develop" in its README.',
    );
  }
  const [version, binary] = find(entry, packageName);
  if (version !== VERSION) {
    throw new Error(
      `${NAME} ${VERSION} does not fit ${packageName} ${version}: both must have the same version. ` +
        'Install again, and look for an override of the version in package.json.',
    );
  }
  try {
    return binary();
  } catch (cause) {
    throw withCause(`The binary of ${packageName} cannot be loaded on this machine: ${messageOf(cause)}`, cause);
  }
}

/** @param {unknown} error */
const messageOf = (error) => /** @type {Error} */ (error).message;

/**
 * @param {Entry} entry
 * @param {string} packageName
 * @returns {[version: string, binary: () => Native]}
 */
function find(entry, packageName) {
  try {
    return [entry.package().version, entry.binary];
  } catch (cause) {
    const found = findBesideMainPackage(packageName);
    if (found) return found;
    throw withCause(
      `${NAME} needs the package ${packageName} on this platform, and it is not installed. It is an ` +
        'optional dependency: install without --omit=optional (npm), --no-optional (pnpm) or --ignore-optional (yarn), ' +
        'and on this platform: node_modules copied from another one, or a lock file that knows only another one, ' +
        `lack it (remove both and install again). If ${NAME} is part of a bundle, install it beside the bundle, too, ` +
        "or in a directory above it; for a standalone deployment of Next.js with webpack set serverExternalPackages: ['" +
        `${NAME}'].`,
      cause,
    );
  }
}

/**
 * Where only the main package can be seen from a bundle, as with pnpm, the platform's package can be seen from that.
 *
 * @param {string} packageName
 * @returns {[version: string, binary: () => Native] | undefined}
 */
function findBesideMainPackage(packageName) {
  for (const from of [place(), workingDirectory()]) {
    try {
      const requireThere = createRequire(createRequire(from).resolve(`${NAME}/package.json`));
      return [requireThere(`${packageName}/package.json`).version, () => requireThere(packageName)];
    } catch {
      // It is not there.
    }
  }
  return undefined;
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
