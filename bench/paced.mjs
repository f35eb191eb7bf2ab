/**
 * `node bench/paced.mjs`: latency and the delay of the event loop while all candidates get the same calls a second, half
 * and nine tenths of what `pg` can do. In `npm run bench` each does what it can, and the fastest is the busiest.
 */
import { Contestant } from './contestant.mjs';
import { median } from './measure.mjs';
import { Server } from './server.mjs';
import { inTurns } from './turns.mjs';

const NAMES = ['ours', 'pg', 'postgres-js'];
const OPERATION = 'session by id';
const SESSIONS = 100_000;
const ROUNDS = 7;
const MS = 2_000;

/** @param {Contestant[]} contestants @param {number} perSecond */
async function measureAt(contestants, perSecond) {
  const rounds = await inTurns(contestants, ROUNDS, async (contestant) => {
    // Connections that rested are opened anew, and code that has not run for a while is cold.
    await contestant.ask({ operation: OPERATION, perSecond, ms: 300 });
    return contestant.ask({ operation: OPERATION, perSecond, ms: MS });
  });
  process.stderr.write('\n');
  for (const [at, { name }] of contestants.entries()) {
    const of = (/** @type {keyof import('./measure.mjs').Round} */ figure) =>
      median((rounds[at] ?? []).map((round) => round[figure])).toFixed(2);
    const columns = [perSecond, name, of('p50'), of('p99'), of('p999'), of('loopP50'), of('loopP99'), of('cpu')];
    console.log(`| ${columns.join(' | ')} |`);
  }
}

const server = await Server.start();
try {
  await server.prepare(SESSIONS, NAMES);
  const target = { url: server.url, max: 10, sessions: SESSIONS };
  const contestants = [];
  for (const name of NAMES) contestants.push(await Contestant.start(name, target));
  const ofPg = /** @type {Contestant} */ (contestants[NAMES.indexOf('pg')]);
  const rates = [];
  for (let round = 0; round < 4; round += 1) {
    rates.push((await ofPg.ask({ operation: OPERATION, inFlight: 64, ms: 1_000 })).rate);
  }
  console.log('| a second | | p50 ms | p99 ms | p99.9 ms | loop p50 ms | loop p99 ms | CPU µs, Node |');
  console.log('|--:|---|--:|--:|--:|--:|--:|--:|');
  for (const share of [0.5, 0.9]) await measureAt(contestants, Math.round(median(rates.slice(1)) * share));
  await Promise.all(contestants.map((contestant) => contestant.close()));
} finally {
  await server.stop();
}
