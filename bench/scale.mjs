/**
 * `node bench/scale.mjs [--small 100000] [--large 10000000]`: how much a look-up slows as the table grows.
 * Ten million rows take some minutes and 5 GB of disk.
 */
import { parseArgs } from 'node:util';
import { Contestant } from './contestant.mjs';
import { median } from './measure.mjs';
import { Server } from './server.mjs';

const { values: flags } = parseArgs({
  options: { small: { type: 'string', default: '100000' }, large: { type: 'string', default: '10000000' } },
});
const ROUNDS = 7;
const LEVELS = [1, 64];

const server = await Server.start();
try {
  /** @type {Record<string, number[]>} */
  const rates = {};
  for (const sessions of [Number(flags.small), Number(flags.large)]) {
    process.stderr.write(`filling the tables with ${sessions} sessions\n`);
    await server.prepare(sessions, []);
    const ours = await Contestant.start('ours', { url: server.url, max: 10, sessions });
    for (const inFlight of LEVELS) {
      const rounds = [];
      for (let at = 0; at <= ROUNDS; at += 1) {
        const { rate } = await ours.ask({ operation: 'session by id', inFlight, ms: 1500 });
        // The first rounds fill the server's cache.
        if (at > 0) rounds.push(rate);
      }
      rates[inFlight] = [...(rates[inFlight] ?? []), median(rounds)];
    }
    await ours.close();
  }
  for (const [inFlight, [small = 0, large = 1]] of Object.entries(rates)) {
    console.log(
      `${inFlight} in flight: ${Math.round(small)}/s with ${flags.small} sessions, ${Math.round(large)}/s with ${flags.large}: ${(small / large).toFixed(2)} x slower`,
    );
  }
} finally {
  await server.stop();
}
