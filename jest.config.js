/** The configuration of every suite; TEST_SUITE names one of scripts/test/suites.cjs, or `npm test`'s is taken. */
const { availableParallelism } = require('node:os');
const { SUITES } = require('./scripts/test/suites.cjs');

const name = process.env.TEST_SUITE || 'jest';
const suite = SUITES[name];
if (!suite) throw new Error(`There is no suite "${name}": TEST_SUITE is one of ${Object.keys(SUITES).join(', ')}.`);
const apart = Object.values(SUITES).flatMap(({ files, isApart }) => (isApart ? [files.split('/')[0]] : []));

/** @type {import('jest').Config} */
module.exports = {
  rootDir: __dirname,
  testEnvironment: 'node',
  testMatch: [`<rootDir>/__test__/${suite.files}`],
  testPathIgnorePatterns: ['/node_modules/', ...(suite.isApart ? [] : [`<rootDir>/__test__/(${apart.join('|')})/`])],
  modulePathIgnorePatterns: ['<rootDir>/target/', '<rootDir>/npm/'],
  transform: {
    '\\.ts$': ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' } }],
  },
  globalSetup: '<rootDir>/__test__/helpers/global-setup.ts',
  globalTeardown: '<rootDir>/__test__/helpers/global-teardown.ts',
  testTimeout: suite.timeoutMs ?? 30_000,
  // With a worker for each processor, every other processor is idle: tests wait for the server, for time limits and for
  // pauses. What is apart measures times, or starts servers and processes of its own.
  maxWorkers: suite.isApart ? '100%' : Math.ceil(availableParallelism() * 1.5),
};
