/**
 * Runs a suite of suites.cjs: `node scripts/test/run.mjs faults network` runs its files whose paths contain "network".
 * Sets everything up first. What follows the name goes to jest, but for options of the suite's own (`steps/`).
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../build/inputs.mjs';
import { setup } from '../build/setup.mjs';
import { runJest } from './jest.mjs';
import table from './suites.cjs';

const { SUITES } = table;
const [name = '', ...given] = process.argv.slice(2);
const suite = SUITES[name];
if (!suite) {
  const lines = Object.entries(SUITES).map(([each, { about }]) => `  ${each.padEnd(9)} ${about}`);
  console.error(`usage: node scripts/test/run.mjs SUITE [jest's arguments]\n${lines.join('\n')}`);
  process.exit(2);
}

for (const [variable, value] of Object.entries(suite.env ?? {})) process.env[variable] ??= value;
await setup();
const { prepare, finish } = await stepsOf(name);
const args = prepare ? await prepare(given) : given;
const passed = runJest(name, args, name);
const isDone = finish ? await finish(passed, given) : passed;
process.exitCode = isDone ? 0 : 1;

/**
 * `prepare` gives the arguments for jest, `finish` says whether the suite has passed. They are loaded after the setup,
 * since they may need what it installs.
 *
 * @param {string} suiteName
 * @returns {Promise<{
 *   prepare?: (given: string[]) => string[] | Promise<string[]>,
 *   finish?: (passed: boolean, given: string[]) => boolean | Promise<boolean>,
 * }>}
 */
async function stepsOf(suiteName) {
  const exists = existsSync(join(ROOT, 'scripts', 'test', 'steps', `${suiteName}.mjs`));
  return exists ? import(`./steps/${suiteName}.mjs`) : {};
}
