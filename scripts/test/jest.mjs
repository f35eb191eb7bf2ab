/** Runs jest with its results kept as JSON under target/, where CI counts them. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../build/inputs.mjs';

const DIRECTORY = join(ROOT, 'target', 'test-results');

/**
 * @param {string} name of the results' file
 * @param {string[]} args
 * @param {string} [suite] of suites.cjs; `npm test`'s unless given
 * @returns {boolean} whether all tests passed
 */
export function runJest(name, args, suite = 'jest') {
  const results = resultsFile(name);
  mkdirSync(DIRECTORY, { recursive: true });
  // Those of an earlier run must not be taken for this one's.
  rmSync(results, { force: true });
  const jest = join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js');
  const { status } = spawnSync(process.execPath, [jest, '--json', `--outputFile=${results}`, ...args], {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...process.env, TEST_SUITE: suite },
  });
  return status === 0;
}

/**
 * What the last run of this name came to; a suite that did not even run is one failure.
 *
 * @param {string} name
 * @returns {{ passed: number, failed: number }}
 */
export function jestCounts(name) {
  let results;
  try {
    results = JSON.parse(readFileSync(resultsFile(name), 'utf8'));
  } catch {
    return { passed: 0, failed: 0 };
  }
  const { numPassedTests, numFailedTests, numRuntimeErrorTestSuites } = results;
  return { passed: numPassedTests, failed: numFailedTests + numRuntimeErrorTestSuites };
}

/** @param {string} name */
function resultsFile(name) {
  return join(DIRECTORY, `${name}.json`);
}
