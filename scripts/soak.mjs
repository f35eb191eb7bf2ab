/**
 * `npm run soak -- --minutes N`: mixed load with a fault every few seconds. The figures go to
 * target/soak/, with a chart; `--write` puts the chart into docs/ too.
 */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from './inputs.mjs';
import { runJest } from './run-jest.mjs';
import { setup } from './setup.mjs';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '30' }, write: { type: 'boolean', default: false } },
});
if (!(Number(values.minutes) > 0)) {
  console.error('soak: --minutes takes a number');
  process.exit(1);
}

setup();
process.env.SOAK_MINUTES = values.minutes;
const passed = runJest('soak', ['--config', '__test__/soak/jest.config.js']);
const directory = join(ROOT, 'target', 'soak');
const { calls, successes, seen, happened, samples } = JSON.parse(readFileSync(join(directory, 'soak.json'), 'utf8'));
// Installed by the setup.
const { chartOf } = await import('./soak-chart.mjs');
writeFileSync(join(directory, 'soak.svg'), chartOf({ happened, samples }));
if (values.write) copyFileSync(join(directory, 'soak.svg'), join(ROOT, 'docs', 'soak.svg'));

console.log(`${calls} calls, ${successes} of them successful, ${happened.length} faults in ${values.minutes} minutes`);
for (const [description, times] of seen) console.log(`  ${description}: ${times}`);
console.log('chart: target/soak/soak.svg');
process.exitCode = passed ? 0 : 1;
