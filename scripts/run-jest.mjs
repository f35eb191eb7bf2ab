/** Runs jest with its results kept as JSON under target/, where CI counts them. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './inputs.mjs';

/**
 * @param {string} name of the results' file
 * @param {string[]} args
 * @returns {boolean} whether all tests passed
 */
export function runJest(name, args) {
  const directory = join(ROOT, 'target', 'test-results');
  const results = join(directory, `${name}.json`);
  mkdirSync(directory, { recursive: true });
  const jest = join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js');
  const { status } = spawnSync(process.execPath, [jest, '--json', `--outputFile=${results}`, ...args], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  return status === 0;
}
