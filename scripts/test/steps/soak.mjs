/**
 * `npm run soak -- --minutes N`: mixed load with a fault every few seconds. The figures go to
 * target/soak/, with a chart; `--write` puts the chart into docs/ too.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { ROOT } from '../../build/inputs.mjs';
import { writeSoakChart } from '../soak-chart.mjs';

const DIRECTORY = join(ROOT, 'target', 'soak');
const FIGURES = join(DIRECTORY, 'soak.json');

/** @param {string[]} given */
export function prepare(given) {
  const { minutes } = optionsOf(given);
  if (!(Number(minutes) > 0)) {
    console.error('soak: --minutes takes a number');
    process.exit(2);
  }
  process.env.SOAK_MINUTES = minutes;
  rmSync(FIGURES, { force: true });
  return [];
}

/**
 * @param {boolean} passed
 * @param {string[]} given
 */
export function finish(passed, given) {
  // A run that failed on its way has none.
  if (!existsSync(FIGURES)) return false;
  const soak = JSON.parse(readFileSync(FIGURES, 'utf8'));
  const folders = [DIRECTORY, ...(optionsOf(given).write ? [join(ROOT, 'docs')] : [])];
  for (const folder of folders) writeSoakChart(pathToFileURL(`${folder}/`), soak);

  const { minutes, calls, successes, seen, happened } = soak;
  console.log(`${calls} calls, ${successes} of them successful, ${happened.length} faults in ${minutes} minutes`);
  for (const [description, times] of seen) console.log(`  ${description}: ${times}`);
  console.log('charts: target/soak/soak-light.svg and soak-dark.svg');
  return passed;
}

/** @param {string[]} args */
function optionsOf(args) {
  const options = /** @type {const} */ ({
    minutes: { type: 'string', default: '30' },
    write: { type: 'boolean', default: false },
  });
  return parseArgs({ args, options }).values;
}
