/** The tests that need programs of the system; `npm run test:system` checks that they are there. */
const base = require('../../jest.config');

/** @type {import('jest').Config} */
module.exports = {
  ...base,
  testMatch: ['<rootDir>/__test__/system/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
};
