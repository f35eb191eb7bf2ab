/** @type {import('jest').Config} */
module.exports = {
  rootDir: __dirname,
  testEnvironment: 'node',
  testMatch: ['<rootDir>/__test__/**/*.test.ts'],
  // `npm run test:system` needs programs that npm cannot bring, the others a few minutes.
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/__test__/(system|faults|soak|runtimes|package)/'],
  modulePathIgnorePatterns: ['<rootDir>/target/', '<rootDir>/npm/'],
  transform: {
    '\\.ts$': ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' } }],
  },
  globalSetup: '<rootDir>/__test__/helpers/global-setup.ts',
  globalTeardown: '<rootDir>/__test__/helpers/global-teardown.ts',
  testTimeout: 30_000,
  // Workers wait for the server most of the time.
  maxWorkers: '100%',
};
