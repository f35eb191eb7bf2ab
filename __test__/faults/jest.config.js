/** The adapter while everything around it breaks; `npm run test:faults`. */
const base = require('../../jest.config');

/** @type {import('jest').Config} */
module.exports = {
  ...base,
  testMatch: ['<rootDir>/__test__/faults/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
};
