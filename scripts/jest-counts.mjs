/** Prints "PASSED FAILED" of a file of jest's results; a suite that did not even run is one failure. */
import { readFileSync } from 'node:fs';

const results = JSON.parse(readFileSync(/** @type {string} */ (process.argv[2]), 'utf8'));
console.log(results.numPassedTests, results.numFailedTests + results.numRuntimeErrorTestSuites);
