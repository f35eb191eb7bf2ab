/**
 * `npm run test:memory`: the application of the runtimes' tests under valgrind's memcheck. Complaints without a frame of
 * the addon are V8's; the others fail: invalid reads and writes, uninitialised values, and memory that was definitely
 * lost. `npm run test:memory -- smoke.cjs` runs one script. Needs Linux, valgrind, and a few minutes.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../build/inputs.mjs';
import { setup } from '../build/setup.mjs';
import { debugBinary, pack, unpackInto } from '../release/pack.mjs';
import postgres from './postgres-server.cjs';

/** napi keeps a reference to the class itself, one for each thread that loads the addon, for as long as it lives. */
const KEPT_FOR_EVER = 'napi::bindgen_runtime::module_register::register_classes';

if (spawnSync('valgrind', ['--version']).error) {
  console.error('test:memory: missing valgrind; on Debian or Ubuntu: apt-get install valgrind');
  process.exit(1);
}
await setup();
const directory = join(ROOT, 'target', 'memory');
rmSync(directory, { recursive: true, force: true });
cpSync(join(ROOT, '__test__', 'runtimes', 'application'), directory, { recursive: true });
const { binary, platform } = debugBinary(join(directory, 'stripped'));
unpackInto(Object.values(pack(binary, platform, join(directory, 'packed'))), directory);

const server = await postgres.startPostgres();
const given = process.argv.slice(2);
const scripts = given.length > 0 ? given : ['smoke.cjs', 'load.cjs'];
const failed = scripts.filter((script) => complaints(script) > 0).length;
await server.stop();
console.log(`${scripts.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

/**
 * How many complaints about the addon a run of the script causes; one that ends with an error counts as well.
 *
 * @param {string} script
 */
function complaints(script) {
  const { status } = spawnSync(
    'valgrind',
    [
      ...['--tool=memcheck', '--leak-check=full', '--show-leak-kinds=definite', '--errors-for-leak-kinds=definite'],
      ...['--num-callers=40', '--error-limit=no', '--smc-check=all-non-file', '--child-silent-after-fork=yes'],
      ...['--xml=yes', `--xml-file=${script}.%p.xml`, process.execPath, script],
    ],
    { cwd: directory, stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, DATABASE_URL: server.url } },
  );
  const report = readdirSync(directory).find((name) => name.startsWith(`${script}.`) && name.endsWith('.xml'));
  const errors = report ? errorsOf(readFileSync(join(directory, report), 'utf8')) : [];
  const ours = errors.filter(
    ({ kind, frames }) =>
      frames.some(({ object }) => object.endsWith('.node')) &&
      !(kind === 'Leak_DefinitelyLost' && frames.some(({ symbol }) => symbol === KEPT_FOR_EVER)),
  );
  for (const { kind, text, frames } of ours) {
    console.error(`\n${kind}: ${text}\n${frames.map(({ symbol, object }) => `    ${symbol || object}`).join('\n')}`);
  }
  console.log(`${script}: ${ours.length} complaints about the addon, ${errors.length - ours.length} about Node itself`);
  return ours.length + (status === 0 && report ? 0 : 1);
}

/**
 * @param {string} xml valgrind's report
 * @returns {{ kind: string, text: string, frames: { object: string, symbol: string }[] }[]}
 */
function errorsOf(xml) {
  const textOf = (/** @type {string} */ within, /** @type {string} */ tag) =>
    new RegExp(`<${tag}>(.*?)</${tag}>`, 's').exec(within)?.[1] ?? '';
  return [...xml.matchAll(/<error>(.*?)<\/error>/gs)].map(([, error = '']) => ({
    kind: textOf(error, 'kind'),
    text: textOf(error, 'what') || textOf(error, 'text'),
    frames: [...error.matchAll(/<frame>(.*?)<\/frame>/gs)].map(([, frame = '']) => ({
      object: textOf(frame, 'obj'),
      symbol: textOf(frame, 'fn'),
    })),
  }));
}
