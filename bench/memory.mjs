/**
 * `node bench/memory.mjs [--calls 10000000] [--adapters 1000]`: whether memory stays flat.
 *
 * Look-ups with 64 in flight; the resident memory after each hundredth of them, and the slope of the second half.
 * Then adapters opened and closed, and what they leave.
 */
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';
import { SCHEMA, sessionId } from './data.mjs';
import { Server } from './server.mjs';

const { PostgresStorageAdapter } = createRequire(import.meta.url)('../index.js');

const { values: flags } = parseArgs({
  options: { calls: { type: 'string', default: '1000000' }, adapters: { type: 'string', default: '1000' } },
});
const SESSIONS = 10_000;
const IN_FLIGHT = 64;

const megabytes = () => {
  globalThis.gc?.();
  return process.memoryUsage.rss() / 2 ** 20;
};
const openFiles = () => (process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0);
const threads = () => (process.platform === 'linux' ? readdirSync('/proc/self/task').length : 0);

/** Least squares. @param {number[]} ys @param {number} step between two of them */
function slope(ys, step) {
  const middle = (ys.length - 1) / 2;
  const mean = ys.reduce((sum, y) => sum + y, 0) / ys.length;
  const top = ys.reduce((sum, y, x) => sum + (x - middle) * (y - mean), 0);
  return top / ys.reduce((sum, _, x) => sum + (x - middle) ** 2, 0) / step;
}

/** @param {string} url @param {number} calls */
async function lookUps(url, calls) {
  const storage = new PostgresStorageAdapter(url, { schema: SCHEMA });
  const samples = [];
  const share = Math.ceil(calls / 100);
  for (let at = 0; at < 100; at += 1) {
    let left = share;
    await Promise.all(
      Array.from({ length: IN_FLIGHT }, async () => {
        while (left > 0) {
          left -= 1;
          await storage.getSession(sessionId(1 + (left % SESSIONS)));
        }
      }),
    );
    samples.push(megabytes());
    if (at % 10 === 9) process.stderr.write(`${(at + 1) * share} calls: ${samples.at(-1)?.toFixed(1)} MiB\n`);
  }
  await storage.disconnect();
  const perMillion = slope(samples.slice(50), share / 1e6);
  console.log(`${calls} look-ups: ${perMillion.toFixed(3)} MiB more for a million calls, in the second half`);
}

/** @param {string} url @param {number} count */
async function adapters(url, count) {
  const cycle = async () => {
    const storage = new PostgresStorageAdapter(url, { schema: SCHEMA });
    await storage.connect();
    await storage.getSession('nobody');
    await storage.disconnect();
  };
  for (let at = 0; at < count / 10; at += 1) await cycle();
  const before = { files: openFiles(), threads: threads(), megabytes: megabytes() };
  for (let at = 0; at < count; at += 1) await cycle();
  console.log(
    `${count} adapters opened and closed leave ${openFiles() - before.files} files, ${threads() - before.threads} threads, ` +
      `${(megabytes() - before.megabytes).toFixed(1)} MiB`,
  );
}

const server = await Server.start();
try {
  await server.prepare(SESSIONS, []);
  await lookUps(server.url, Number(flags.calls));
  await adapters(server.url, Number(flags.adapters));
} finally {
  await server.stop();
}
