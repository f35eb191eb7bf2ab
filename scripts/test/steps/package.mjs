/**
 * `npm run test:package`: what `npm publish` would send, looked at, published to a registry of our own, installed from
 * there into empty folders by npm, pnpm and yarn, and used.
 */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../build/inputs.mjs';
import { platforms } from '../../build/platforms.mjs';
import { debugBinary, pack, packConsole } from '../../release/pack.mjs';

const directory = join(ROOT, 'target', 'package');

/** @param {string[]} given */
export function prepare(given) {
  const { binary, platform } = debugBinary(join(ROOT, 'target', 'stripped'));
  const { main, platform: own } = pack(binary, platform, directory);
  writeFileSync(join(directory, 'tarballs.json'), JSON.stringify({ main, own, ofConsole: packConsole(directory) }));
  // As the release finds them. For other platforms a stand-in will do: no installation here may take it.
  for (const { name } of platforms()) {
    const target = join(directory, 'binaries', name);
    mkdirSync(target, { recursive: true });
    const file = join(target, `auth-postgres.${name}.node`);
    if (name === platform) copyFileSync(binary, file);
    else writeFileSync(file, 'not a binary');
  }
  process.env.PACKAGE_DIRECTORY = directory;
  return given;
}
