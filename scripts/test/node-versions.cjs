/** Which versions of Node.js the package is tested with, and where their programs are. */
const path = require('node:path');
const { installedPackage } = require('./npm-package.cjs');

/** From the first of the oldest supported line to the newest. */
const NODE_VERSIONS = ['16.0.0', '16.20.2', '18.20.8', '20.20.2', '22.23.3', '24.21.0', '26.10.0'];

/**
 * @param {string} version
 * @returns {string} path of the program
 */
function nodeProgram(version) {
  const isWindows = process.platform === 'win32';
  const directory = installedPackage(`node-${isWindows ? 'win' : process.platform}-${process.arch}`, version);
  return path.join(directory, 'bin', isWindows ? 'node.exe' : 'node');
}

module.exports = { NODE_VERSIONS, nodeProgram };
