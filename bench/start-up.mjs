/** `node bench/start-up.mjs`: what loading the module and connecting to a current schema take, each in a new process. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { SCHEMA } from './data.mjs';
import { median } from './measure.mjs';
import { Server } from './server.mjs';

const run = promisify(execFile);
const ROUNDS = 15;

const SCRIPT = `
const started = performance.now();
const { PostgresStorageAdapter } = require(${JSON.stringify(fileURLToPath(new URL('../index.js', import.meta.url)))});
const loaded = performance.now();
const storage = new PostgresStorageAdapter(process.argv[1], { schema: '${SCHEMA}' });
storage.connect().then(async () => {
  const connected = performance.now();
  await storage.disconnect();
  console.log(JSON.stringify({ load: loaded - started, connect: connected - loaded }));
});`;

const server = await Server.start();
try {
  await server.prepare(1_000, []);
  const rounds = [];
  for (let at = 0; at < ROUNDS; at += 1) {
    const { stdout } = await run(process.execPath, ['--eval', SCRIPT, server.url]);
    rounds.push(JSON.parse(stdout));
  }
  for (const what of ['load', 'connect']) {
    const times = rounds.map((round) => round[what]);
    const [least, most] = [Math.min(...times), Math.max(...times)].map((ms) => ms.toFixed(1));
    console.log(`${what}: ${median(times).toFixed(1)} ms (${least} – ${most})`);
  }
} finally {
  await server.stop();
}
