/**
 * Loads the native core: the binary of this platform from its package, which npm installs as an optional
 * dependency, or in a clone of the repository the one built there.
 */

const { existsSync } = require('node:fs');
const { createRequire } = require('node:module');
const { join } = require('node:path');
const { version } = require('./package.json');

// Spelled out one by one, so that tools that trace files for deployment find them.
const BINARIES = {
  // <one entry a platform>
};

/** The platform's name among the packages, such as `linux-x64-musl`. */
function platformName() {
  const { platform, arch } = process;
  if (platform === 'linux') return `linux-${arch}-${isMusl() ? 'musl' : 'gnu'}`;
  return platform === 'win32' ? `win32-${arch}-msvc` : `${platform}-${arch}`;
}

/** Node's report names the C library's version when that is glibc. */
function isMusl() {
  const { report } = process;
  if (!report) return false;
  const excluded = report.excludeNetwork;
  // Looking up the names of open sockets could take seconds.
  report.excludeNetwork = true;
  try {
    return !report.getReport().header.glibcVersionRuntime;
  } finally {
    report.excludeNetwork = excluded;
  }
}

function load() {
  const name = platformName();
  const built = join(__dirname, `auth-postgres.${name}.node`);
  // Through a `require` of its own, since a bundler could not resolve the path.
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
    throw withCause(`The binary of ${packageName} cannot be loaded on this machine: ${cause.message}`, cause);
  }
}

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

/** Node 16.0 to 16.8 do not know the constructor's `cause`. */
function withCause(message, cause) {
  return Object.defineProperty(new Error(message), 'cause', { value: cause, configurable: true, writable: true });
}

module.exports = load();
