/** Prints "PASSED FAILED" of jest's run of this name. */
import { jestCounts } from './jest.mjs';

const { passed, failed } = jestCounts(/** @type {string} */ (process.argv[2]));
console.log(passed, failed);
