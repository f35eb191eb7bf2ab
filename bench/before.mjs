/**
 * `npm run bench:before -- ../another-checkout`: this checkout beside another one, say of the commit before, both with
 * release builds. They take turns, and what counts is the ratio of rounds that follow each other: above 1 this one is
 * faster.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Contestant } from './contestant.mjs';
import { median } from './measure.mjs';
import { OPERATIONS } from './operations.mjs';
import { Server } from './server.mjs';
import { inTurns } from './turns.mjs';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '9' },
    seconds: { type: 'string', default: '1' },
    sessions: { type: 'string', default: '100000' },
    'in-flight': { type: 'string', default: '1,8,64,256' },
    operations: { type: 'string' },
  },
});
const [folder] = positionals;
if (folder === undefined) {
  console.error('Which checkout? npm run bench:before -- ../another-checkout');
  process.exit(2);
}
const unknown = flags.operations?.split(',').find((name) => !(name in OPERATIONS));
if (unknown !== undefined) {
  console.error(`There is no operation "${unknown}". There are: ${Object.keys(OPERATIONS).join(', ')}`);
  process.exit(2);
}
process.env.BENCH_BEFORE = resolve(folder);

const sessions = Number(flags.sessions);
const operations = flags.operations?.split(',') ?? Object.keys(OPERATIONS);
const inFlights = flags['in-flight'].split(',').map(Number);
const ms = Number(flags.seconds) * 1000;

const server = await Server.start();
/** @type {Contestant[]} */
const entrants = [];
try {
  await server.prepare(sessions, []);
  for (const name of ['ours', 'before']) {
    entrants.push(await Contestant.start(name, { url: server.url, max: 10, sessions }));
  }
  console.log(`| operation | ${inFlights.join(' | ')} in flight |`);
  console.log(`|---|${inFlights.map(() => '---').join('|')}|`);
  for (const operation of operations) {
    const cells = [];
    for (const inFlight of inFlights) {
      const [ours = [], before = []] = await inTurns(entrants, Number(flags.rounds) + 1, (entrant) =>
        entrant.ask({ operation, inFlight, ms }),
      );
      // The first round warms up.
      const ratios = ours.slice(1).map(({ rate }, round) => rate / before[round + 1].rate);
      const sorted = ratios.toSorted((one, other) => one - other);
      cells.push(`${median(ratios).toFixed(3)} (${sorted[0]?.toFixed(2)} – ${sorted.at(-1)?.toFixed(2)})`);
    }
    console.log(`| ${operation} | ${cells.join(' | ')} |`);
  }
} finally {
  await Promise.all(entrants.map((each) => each.close()));
  await server.stop();
}
