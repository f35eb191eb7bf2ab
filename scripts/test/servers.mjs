/**
 * The tests on other PostgreSQL servers than the newest, which `npm test` uses.
 *
 *   npm run test:servers             every test on every version, and the README's table from it
 *   npm run test:servers -- 12 15    every test on these
 *   npm run test:servers -- --quick  what depends most on the server, on the oldest and one between
 *   npm run test:servers -- --table  no tests, but the README's table from the last run on each version
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../build/inputs.mjs';
import { setup } from '../build/setup.mjs';
import { jestCounts, runJest } from './jest.mjs';
import versions from './postgres-versions.cjs';

const { MAJORS } = versions;
const QUICK = {
  versions: ['12', '15'],
  suites: [
    'server-version',
    'migrations',
    'families',
    'concurrency',
    'lifecycle',
    'values',
    'users',
    'sessions',
  ].concat(['api-keys', 'organizations', 'email-tokens', 'events', 'roles', 'sso', 'saml', 'two-factor']),
};

const args = process.argv.slice(2);
const isQuick = args.includes('--quick');
const isTableOnly = args.includes('--table');
const asked = args.filter((arg) => arg !== '--quick' && arg !== '--table');
// Random sequences in number are for the newest server.
process.env.MODEL_RUNS ??= '200';
const unknown = asked.find((version) => !MAJORS.includes(version));
if (unknown !== undefined) {
  console.error(`test:servers: no PostgreSQL "${unknown}"; give --quick or some of ${MAJORS.join(', ')}.`);
  process.exit(1);
}

await setup();
const chosen = asked.length > 0 ? asked : isQuick ? QUICK.versions : MAJORS;
const results = chosen.map(isTableOnly ? lastRunOn : testOn);
console.log(`\n${table(results)}`);
if (results.every(({ passed, failed }) => passed > 0 && failed === 0)) {
  if (!isQuick && chosen.length === MAJORS.length) writeIntoReadme(table(results));
} else {
  process.exitCode = 1;
}

/** @param {string} version */
function testOn(version) {
  console.log(`\nPostgreSQL ${version}`);
  process.env.TEST_POSTGRES_VERSION = version;
  const name = resultsOf(version);
  // As exact paths: jest would pass over a name that fits no file.
  const suites = isQuick ? ['--runTestsByPath', ...QUICK.suites.map((suite) => `__test__/${suite}.test.ts`)] : [];
  const passedAll = runJest(name, suites);
  const { passed, failed } = jestCounts(name);
  // A run that ended before its results were written has failed, too.
  return { version, passed, failed: passedAll ? failed : Math.max(failed, 1) };
}

/** @param {string} version */
function lastRunOn(version) {
  return { version, ...jestCounts(resultsOf(version)) };
}

/**
 * Those of a part of the tests are kept apart.
 *
 * @param {string} version
 */
function resultsOf(version) {
  return `servers-${version}${isQuick ? '-quick' : ''}`;
}

/** @param {{ version: string, passed: number, failed: number }[]} rows */
function table(rows) {
  const lines = rows.map(({ version, passed, failed }) => {
    const release = versions.releaseOf(version);
    return `| ${version} | ${release} | ${passed} passed${failed > 0 ? `, ${failed} failed` : ''} |`;
  });
  return ['| PostgreSQL | tested with | tests |', '|---|---|---|', ...lines].join('\n');
}

/** @param {string} text */
function writeIntoReadme(text) {
  const file = join(ROOT, 'README.md');
  const readme = readFileSync(file, 'utf8');
  const written = readme.replace(/(?<=<!-- servers:begin -->\n)[\s\S]*(?=<!-- servers:end -->)/, `${text}\n`);
  if (written !== readme) writeFileSync(file, written);
}
