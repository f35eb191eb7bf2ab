/** Prints "PASSED FAILED" of jest's run of this name, and a line for each failure. */
import { jestCounts } from './jest.mjs';

const { passed, failed, failures } = jestCounts(/** @type {string} */ (process.argv[2]));
console.log([`${passed} ${failed}`, ...failures].join('\n'));
