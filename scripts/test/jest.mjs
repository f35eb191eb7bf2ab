/** Runs jest with its results kept as JSON under target/, where CI counts them. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
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
 * @returns {{ passed: number, failed: number, failures: string[] }} `failures` names each, with what it says first
 */
export function jestCounts(name) {
  let results;
  try {
    results = JSON.parse(readFileSync(resultsFile(name), 'utf8'));
  } catch {
    return { passed: 0, failed: 0, failures: [] };
  }
  const { numPassedTests, numFailedTests, numRuntimeErrorTestSuites } = results;
  return {
    passed: numPassedTests,
    failed: numFailedTests + numRuntimeErrorTestSuites,
    failures: results.testResults.flatMap(failuresOf),
  };
}

/**
 * @param {{ name: string, message: string, assertionResults: Array<{ status: string, fullName: string, failureMessages: string[] }> }} file
 * @returns {string[]}
 */
function failuresOf({ name, message, assertionResults }) {
  const file = relative(ROOT, name);
  const failed = assertionResults.filter(({ status }) => status === 'failed');
  // A file that could not be run has no results of tests.
  if (assertionResults.length === 0 && message) return [`${file}: ${shortened(message)}`];
  return failed.map(
    ({ fullName, failureMessages }) => `${file}: ${fullName}: ${shortened(failureMessages.join('\n'))}`,
  );
}

/** A failure's message up to the first line of the stack. @param {string} message */
function shortened(message) {
  return stripVTControlCharacters(message)
    .split(/\n\s+at /)[0]
    .replace(/\s+/g, ' ')
    .slice(0, 500);
}

/** @param {string} name */
function resultsFile(name) {
  return join(DIRECTORY, `${name}.json`);
}
