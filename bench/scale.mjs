/**
 * `node bench/scale.mjs [--small 100000] [--large 10000000]`: how much a look-up slows as the table grows, ours and
 * `pg`'s. Ten million rows take some minutes and 5 GB of disk; the server has them in its cache before anything is
 * measured, if a quarter of the memory is enough for them, and in huge pages where the system has them
 * (`sysctl vm.nr_hugepages`).
 */
import { parseArgs } from 'node:util';
import { Contestant } from './contestant.mjs';
import { median } from './measure.mjs';
import { Server } from './server.mjs';
import { inTurns } from './turns.mjs';

const { values: flags } = parseArgs({
  options: { small: { type: 'string', default: '100000' }, large: { type: 'string', default: '10000000' } },
});
const ROUNDS = 7;
/** A backend that has just started meets each page of the server's cache for the first time, at a price. */
const WARM_UP_MS = 20_000;
const LEVELS = [1, 64];
const CANDIDATES = ['ours', 'pg'];

const server = await Server.start();
try {
  /** Of each candidate at each level: with the small table and with the large one. @type {Record<string, number[]>} */
  const rates = {};
  for (const sessions of [Number(flags.small), Number(flags.large)]) {
    process.stderr.write(`filling the tables with ${sessions} sessions\n`);
    await server.prepare(sessions, []);
    await server.warm();
    const contestants = await Promise.all(
      CANDIDATES.map((name) => Contestant.start(name, { url: server.url, max: 10, sessions })),
    );
    for (const contestant of contestants) {
      await contestant.ask({ operation: 'session by id', inFlight: Math.max(...LEVELS), ms: WARM_UP_MS });
    }
    for (const inFlight of LEVELS) {
      const order = { operation: 'session by id', inFlight, ms: 1500 };
      // The first round warms up.
      const measured = await inTurns(contestants, ROUNDS + 1, (contestant) => contestant.ask(order));
      for (const [at, name] of CANDIDATES.entries()) {
        const key = `${name}, ${inFlight} in flight`;
        rates[key] = [...(rates[key] ?? []), median((measured[at] ?? []).slice(1).map(({ rate }) => rate))];
      }
    }
    process.stderr.write('\n');
    await Promise.all(contestants.map((contestant) => contestant.close()));
  }
  for (const [who, [small = 0, large = 1]] of Object.entries(rates)) {
    console.log(
      `${who}: ${Math.round(small)}/s with ${flags.small} sessions, ${Math.round(large)}/s with ${flags.large}: ${(small / large).toFixed(2)} x slower`,
    );
  }
} finally {
  await server.stop();
}
