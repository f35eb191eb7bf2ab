/**
 * `npm run fuzz -- [--seconds N] [target …]`: runs the fuzzers of fuzz/ for so long each (default 20 s), from the kept
 * corpus. They are cargo-fuzz targets; this builds them with the stable compiler, which needs no other tool.
 * New inputs stay in fuzz/target/; `cargo test` replays those in fuzz/corpus/.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from '../build/inputs.mjs';
import { checkToolchain } from '../build/toolchain.mjs';

const FUZZ = join(ROOT, 'fuzz');
const ALL = readdirSync(join(FUZZ, 'corpus')).sort();

const { values, positionals } = parseArgs({
  options: { seconds: { type: 'string', default: '20' } },
  allowPositionals: true,
});
const targets = positionals.length > 0 ? positionals : ALL;
const unknown = targets.find((target) => !ALL.includes(target));
if (unknown !== undefined || !(Number(values.seconds) > 0)) {
  console.error(`fuzz: usage: npm run fuzz -- [--seconds N] [${ALL.join(' | ')}]`);
  process.exit(2);
}
checkToolchain();

/** What cargo-fuzz sets: coverage counters that guide the fuzzer, without a sanitizer (this code is safe Rust). */
const COVERAGE = [
  '--cfg=fuzzing',
  '-Cpasses=sancov-module',
  '-Cllvm-args=-sanitizer-coverage-level=4',
  '-Cllvm-args=-sanitizer-coverage-inline-8bit-counters',
  '-Cllvm-args=-sanitizer-coverage-pc-table',
  '-Cllvm-args=-sanitizer-coverage-trace-compares',
  '-Cdebug-assertions',
];
const target = join(FUZZ, 'target');
const build = spawnSync('cargo', ['build', '--release', '--locked', '--bins'], {
  cwd: FUZZ,
  stdio: 'inherit',
  env: { ...process.env, RUSTFLAGS: COVERAGE.join(' '), CARGO_TARGET_DIR: target, CARGO_PROFILE_RELEASE_LTO: 'false' },
});
if (build.status !== 0) process.exit(1);
const binaries = readdirSync(target).filter((name) => name.includes('-'))[0] ?? '';

let failed = 0;
for (const name of targets) {
  const found = join(target, 'found', name);
  const artifacts = join(target, 'artifacts', name, '/');
  mkdirSync(found, { recursive: true });
  mkdirSync(artifacts, { recursive: true });
  console.log(`\nfuzz: ${name}, ${values.seconds} s`);
  const { status } = spawnSync(
    join(target, binaries, 'release', name),
    [
      ...[found, join(FUZZ, 'corpus', name)],
      ...[`-max_total_time=${values.seconds}`, `-artifact_prefix=${artifacts}`, '-verbosity=0', '-print_final_stats=1'],
      ...['-max_len=8192', '-timeout=10'],
    ],
    { cwd: FUZZ, stdio: 'inherit' },
  );
  if (status !== 0) {
    failed += 1;
    console.error(`fuzz: ${name} FAILED; the input is in ${artifacts}`);
  }
}
console.log(`\n${targets.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
