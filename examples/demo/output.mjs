/** What the demo prints: a line for each call, with its time and what came of it. */
import { InternalError } from '@kitiumai/auth-postgres';
import colors from 'picocolors';

let calls = 0;
const started = performance.now();

/** @param {string} title */
export function chapter(title) {
  say(`\n${colors.bold(title)}`);
}

/**
 * Makes a call, and says how long it took and what came of it.
 *
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} work
 * @param {string | ((result: T) => string)} describe
 * @returns {Promise<T>}
 */
export async function call(name, work, describe) {
  const before = performance.now();
  const result = await work();
  line(colors.green('✓'), name, performance.now() - before, typeof describe === 'string' ? describe : describe(result));
  return result;
}

/**
 * Makes a call that has to fail, and shows the error.
 *
 * @param {string} name
 * @param {() => Promise<unknown>} work
 */
export async function refused(name, work) {
  const before = performance.now();
  try {
    await work();
  } catch (error) {
    if (!(error instanceof InternalError)) throw error;
    line(colors.yellow('✗'), name, performance.now() - before, `${colors.yellow(error.code)}: ${error.message}`);
    return;
  }
  throw new Error(`${name} should have been refused`);
}

export function summary() {
  const seconds = ((performance.now() - started) / 1_000).toFixed(1);
  say(
    colors.dim(`\n${calls} calls in ${seconds} s, each the first of its kind, with the debug build that setup makes.`),
  );
}

/** @param {string} text */
export function say(text) {
  console.log(text);
}

/**
 * @param {string} sign
 * @param {string} name
 * @param {number} ms
 * @param {string} result
 */
function line(sign, name, ms, result) {
  calls += 1;
  say(`  ${sign} ${name.padEnd(24)}${colors.dim(`${ms.toFixed(1).padStart(6)} ms`)}  ${result}`);
}
