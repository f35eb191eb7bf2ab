/**
 * Every suite of tests that jest runs: `npm test`, `npm run test:faults` and so on. `run.mjs` runs one of them, and
 * `jest.config.js` takes the files and the time limit from here. A suite that needs more than that (programs, a packed
 * package, a report afterwards) has a module of its name in `steps/`.
 *
 * CommonJS, since jest's configuration is.
 */

/**
 * @typedef {object} Suite
 * @property {string} about one line for `node scripts/test/run.mjs`
 * @property {string} files a glob under __test__/
 * @property {boolean} [isApart] not part of `npm test`, since it takes minutes or a program that npm cannot install
 * @property {number} [timeoutMs] for one test, where 30 s are not enough
 * @property {Record<string, string>} [env] variables that are set unless the caller has set them
 */

/** @type {Record<string, Suite>} */
const SUITES = {
  jest: { about: 'everything that needs nothing but Node, Rust and a C compiler', files: '**/*.test.ts' },
  model: { about: 'random sequences of calls beside a reference', files: 'model/{model,together}.test.ts' },
  plans: {
    about: 'the plans of all statements with a million rows in every table',
    files: 'plans.test.ts',
    env: { PLANS_ROWS: '1000000' },
  },
  system: { about: 'with PgBouncer and another PostgreSQL', files: 'system/**/*.test.ts', isApart: true },
  // The first page of a browser that has just started is slow beside a build.
  browser: {
    about: "pages in the system's Chromium",
    ...{ files: 'browser/*.test.ts', isApart: true, timeoutMs: 90_000 },
  },
  faults: { about: 'network, server and database break', files: 'faults/**/*.test.ts', isApart: true },
  soak: { about: 'load for long, with a fault every few seconds', files: 'soak/**/*.test.ts', isApart: true },
  // A debug build in a hundred threads, and package managers started cold, on a machine that does more than this.
  runtimes: {
    about: 'the packed package in every Node.js and in common tools',
    ...{ files: 'runtimes/*.test.ts', isApart: true, timeoutMs: 180_000 },
  },
  bundlers: {
    about: 'the packed package in the bundles of esbuild, webpack, Rspack, Rollup, Vite and Next.js',
    ...{ files: 'bundlers/*.test.ts', isApart: true, timeoutMs: 600_000 },
  },
  package: {
    about: 'the published package, installed by npm, pnpm and yarn',
    ...{ files: 'package/*.test.ts', isApart: true, timeoutMs: 120_000 },
  },
  examples: {
    about: 'the example applications, over HTTP',
    ...{ files: 'examples/*.test.ts', isApart: true, timeoutMs: 60_000 },
  },
};

module.exports = { SUITES };
