/** The style sheet, the script and the icon. They hold nothing of anybody, and change with the version of the package only. */

const { createHash } = require('node:crypto');
const { readFileSync } = require('node:fs');
const { join } = require('node:path');

const DIRECTORY = join(__dirname, '..', 'assets');
const TYPES = {
  'console.css': 'text/css; charset=utf-8',
  'console.js': 'text/javascript; charset=utf-8',
  'icon.svg': 'image/svg+xml',
};

const ASSETS = new Map(
  Object.entries(TYPES).map(([name, type]) => {
    const body = readFileSync(join(DIRECTORY, name));
    const hash = createHash('sha256').update(body).digest('hex').slice(0, 12);
    return [name, { body, type, path: `/assets/${hash}/${name}` }];
  }),
);
const BY_PATH = new Map([...ASSETS.values()].map((asset) => [asset.path, asset]));

/** @param {string} name */
function assetPath(name) {
  return /** @type {{ path: string }} */ (ASSETS.get(name)).path;
}

/** @param {string} path */
function findAsset(path) {
  return BY_PATH.get(path);
}

module.exports = { assetPath, findAsset };
