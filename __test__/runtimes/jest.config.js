/** The packed package in the runtimes and tools that applications use; `npm run test:runtimes` packs it first. */
const base = require('../../jest.config');

/** @type {import('jest').Config} */
module.exports = {
  ...base,
  testMatch: ['<rootDir>/__test__/runtimes/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
  // A debug build in a hundred threads, on a machine that does more than this.
  testTimeout: 180_000,
};
