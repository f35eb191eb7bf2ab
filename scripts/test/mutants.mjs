/**
 * `npm run test:mutants`: makes each mistake of `__test__/mutants/list.cjs` in a copy of the tree, one at a time, builds,
 * runs the tests that must notice it, and says which mistakes survive. Takes about a minute for each.
 *
 * `--only NAME` makes the mistakes whose names contain NAME; it may be given several times.
 */
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import applying from '../../__test__/mutants/apply.cjs';
import list from '../../__test__/mutants/list.cjs';
import { ROOT } from '../build/inputs.mjs';
import { setup } from '../build/setup.mjs';

/** @typedef {import('../../__test__/mutants/apply.cjs').Mutant} Mutant */

/** The copy keeps its own `target`, so that the next run builds only what has changed. */
const COPY = join(ROOT, 'target', 'mutants');
/** A mistake may make a test wait for ever. */
const LIMIT_MS = 15 * 60_000;

const { values } = parseArgs({ options: { only: { type: 'string', multiple: true } } });
const chosen = list.filter(({ name }) => values.only?.some((part) => name.includes(part)) ?? true);
if (chosen.length === 0) {
  console.error(`no mistake is named so; there are:\n${list.map(({ name }) => `  ${name}`).join('\n')}`);
  process.exit(1);
}

await setup();
copyTree();
checkWithoutMistakes();
/** @type {string[]} */
const bad = [];
for (const mutant of chosen) {
  const started = Date.now();
  const verdict = tryOut(mutant);
  const seconds = Math.round((Date.now() - started) / 1000);
  console.log(`${verdict.padEnd(14)} ${mutant.name} (${seconds} s): ${mutant.mistake}`);
  if (verdict !== 'seen') bad.push(`${mutant.name}: ${verdict}`);
}
console.log(`\n${chosen.length - bad.length} of ${chosen.length} mistakes are seen.`);
for (const line of bad) console.log(`  ${line}`);
process.exitCode = bad.length === 0 ? 0 : 1;

/**
 * @param {Mutant} mutant
 * @returns {'seen' | 'SURVIVES' | 'does not fit' | 'does not build'}
 */
function tryOut(mutant) {
  let applied;
  try {
    applied = applying.apply(COPY, mutant);
  } catch (error) {
    console.error(`${mutant.name}: ${/** @type {Error} */ (error).message}`);
    return 'does not fit';
  }
  try {
    if (!build(mutant.name)) return 'does not build';
    return testsPass(mutant, mutant.name) ? 'SURVIVES' : 'seen';
  } finally {
    applied.undo();
  }
}

/** A test that fails anyway would see every mistake. */
function checkWithoutMistakes() {
  const tests = [...new Set(chosen.flatMap(({ tests = [] }) => tests))];
  const units = [...new Set(chosen.flatMap(({ unit }) => unit ?? []))];
  console.log(`building, and running ${tests.length} test files without a mistake`);
  const isFine = build('none') && jest(tests, 'none') && units.every((unit) => cargoTest(unit, 'none'));
  if (isFine) return;
  console.error(`The tests fail without a mistake: see ${relative(ROOT, logOf('none'))}.`);
  process.exit(1);
}

/**
 * @param {Mutant} mutant
 * @param {string} log
 */
function testsPass({ tests = [], unit }, log) {
  return (unit === undefined || cargoTest(unit, log)) && (tests.length === 0 || jest(tests, log));
}

/** @param {string} log */
function build(log) {
  rmSync(logOf(log), { force: true });
  return run(process.execPath, [join('scripts', 'build', 'build.mjs')], log);
}

/**
 * @param {string[]} tests
 * @param {string} log
 */
function jest(tests, log) {
  const files = tests.map((name) => join('__test__', `${name}.test.ts`));
  return (
    files.length === 0 ||
    run(
      process.execPath,
      [join('node_modules', 'jest', 'bin', 'jest.js'), '--forceExit', '--runTestsByPath', ...files],
      log,
    )
  );
}

/**
 * @param {string} unit
 * @param {string} log
 */
function cargoTest(unit, log) {
  return run('cargo', ['test', '--quiet', unit], log);
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {string} log
 * @returns {boolean} whether it succeeded
 */
function run(command, args, log) {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: COPY,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  });
  mkdirSync(dirname(logOf(log)), { recursive: true });
  writeFileSync(logOf(log), `$ ${command} ${args.join(' ')}\n${stdout}${stderr}\n`, { flag: 'a' });
  return status === 0;
}

/** @param {string} name */
function logOf(name) {
  return join(COPY, 'target', 'logs', `${name}.log`);
}

/** Makes the copy the same as the tree. Files that have not changed keep their times, and are not built again. */
function copyTree() {
  const { stdout } = spawnSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  const files = new Set(stdout.split('\0').filter((file) => file !== '' && existsSync(join(ROOT, file))));
  mkdirSync(COPY, { recursive: true });
  for (const file of filesIn(COPY)) {
    if (!files.has(file)) rmSync(join(COPY, file));
  }
  for (const file of files) {
    const [from, to] = [join(ROOT, file), join(COPY, file)];
    if (existsSync(to) && readFileSync(from).equals(readFileSync(to))) continue;
    mkdirSync(dirname(to), { recursive: true });
    copyFileSync(from, to);
  }
  const modules = join(COPY, 'node_modules');
  if (!existsSync(modules)) symlinkSync(join(ROOT, 'node_modules'), modules, 'junction');
}

/**
 * @param {string} directory
 * @returns {string[]} relative to the copy, but for what is built
 */
function filesIn(directory) {
  return readdirSync(directory).flatMap((name) => {
    const full = join(directory, name);
    const file = relative(COPY, full).replaceAll('\\', '/');
    if (['target', 'node_modules'].includes(file) || file.endsWith('.node')) return [];
    return statSync(full).isDirectory() ? filesIn(full) : [file];
  });
}
