/** What is published, from a registry of our own; `npm run test:package` packs it first. */
const base = require('../../jest.config');

/** @type {import('jest').Config} */
module.exports = {
  ...base,
  testMatch: ['<rootDir>/__test__/package/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
  // A package manager is started cold, on a machine that does more than this.
  testTimeout: 120_000,
};
