/** Minutes of mixed load with a fault every few seconds; `npm run soak`. */
const base = require('../../jest.config');

/** @type {import('jest').Config} */
module.exports = {
  ...base,
  testMatch: ['<rootDir>/__test__/soak/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
};
