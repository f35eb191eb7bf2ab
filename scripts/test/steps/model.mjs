/**
 * `npm run test:model -- --runs 20000 --seed 7`: random sequences of calls, compared with the in-memory reference.
 * Without a seed a new one is taken. `--path` (from a failure's message) repeats that failure alone;
 * `-t roles` runs one group of methods; `-t together` sets of calls that are made at once, one for 50 sequences.
 */
import { parseArgs } from 'node:util';

/** @param {string[]} given */
export function prepare(given) {
  const { values } = parseArgs({
    args: given,
    options: {
      runs: { type: 'string', default: '1000' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
      path: { type: 'string' },
      group: { type: 'string', short: 't' },
    },
  });
  process.env.MODEL_RUNS = values.runs;
  process.env.MODEL_SEED = values.seed;
  if (values.path) process.env.MODEL_PATH = values.path;
  console.log(`${values.runs} sequences, seed ${values.seed}`);
  return values.group ? ['-t', values.group] : [];
}
