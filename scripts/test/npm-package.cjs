/** Packages that only some commands need: installed under target/ when they are first asked for. */
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const DIRECTORY = path.join(__dirname, '..', '..', 'target', 'packages');

/**
 * The directory of a package in exactly this version. None of its install scripts runs.
 *
 * @param {string} name
 * @param {string} version
 * @param {object} [options]
 * @param {(directory: string) => void} [options.prepare] finishes what npm has installed
 * @param {Record<string, string>} [options.overrides] versions of what it depends on
 * @returns {string}
 */
function installedPackage(name, version, { prepare, overrides } = {}) {
  const home = path.join(DIRECTORY, `${name.replace('/', '+')}@${version}`);
  const installed = path.join(home, 'node_modules', name);
  if (fs.existsSync(installed)) return installed;

  // Installed beside its place and moved there whole, so that an interrupted or a second installation leaves
  // nothing half done.
  fs.mkdirSync(DIRECTORY, { recursive: true });
  const temporary = fs.mkdtempSync(`${home}-`);
  try {
    install(`${name}@${version}`, temporary, overrides);
    prepare?.(path.join(temporary, 'node_modules', name));
    fs.renameSync(temporary, home);
  } catch (error) {
    fs.rmSync(temporary, { recursive: true, force: true });
    if (!fs.existsSync(installed)) throw error;
  }
  return installed;
}

/**
 * @param {string} specifier
 * @param {string} directory
 * @param {Record<string, string>} [overrides]
 */
function install(specifier, directory, overrides) {
  fs.writeFileSync(path.join(directory, 'package.json'), JSON.stringify({ private: true, overrides }));
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error'];
  execFileSync('npm', ['install', ...flags, specifier], {
    cwd: directory,
    // Standard output belongs to the caller.
    stdio: ['ignore', 2, 2],
    // npm is a batch file there.
    shell: process.platform === 'win32',
  });
}

module.exports = { installedPackage };
