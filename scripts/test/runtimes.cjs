/** Which runtimes the package is tested with, and where their programs are. */
const path = require('node:path');
const { installedPackage } = require('./npm-package.cjs');

/** From the first of the oldest supported line of Node.js to the newest. */
const NODE_VERSIONS = ['16.0.0', '16.20.2', '18.20.8', '20.20.2', '22.23.3', '24.21.0', '26.10.0'];

/** What else runs addons made for Node.js. @type {Record<string, { version: string, args: string[] }>} */
const OTHER_RUNTIMES = {
  Bun: { version: '1.4.5', args: [] },
  Deno: { version: '2.9.6', args: ['run', '--allow-all'] },
};

const isWindows = process.platform === 'win32';

/**
 * @param {string} version
 * @returns {string} path of the program
 */
function nodeProgram(version) {
  const directory = installedPackage(`node-${isWindows ? 'win' : process.platform}-${process.arch}`, version);
  return path.join(directory, 'bin', isWindows ? 'node.exe' : 'node');
}

/**
 * @param {string} name of OTHER_RUNTIMES
 * @returns {string} path of the program
 */
function otherProgram(name) {
  const { platform, arch } = process;
  const { version } = OTHER_RUNTIMES[name] ?? { version: '' };
  if (name === 'Deno') {
    const directory = installedPackage(`@deno/${platform}-${arch}${platform === 'linux' ? '-glibc' : ''}`, version);
    return path.join(directory, isWindows ? 'deno.exe' : 'deno');
  }
  const system = isWindows ? 'windows' : platform;
  const directory = installedPackage(`@oven/bun-${system}-${arch === 'arm64' ? 'aarch64' : arch}`, version);
  return path.join(directory, 'bin', isWindows ? 'bun.exe' : 'bun');
}

module.exports = { NODE_VERSIONS, OTHER_RUNTIMES, nodeProgram, otherProgram };
