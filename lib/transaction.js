/** Transactions: calls the application's function, and commits or rolls back what it did. */

const { performance } = require('node:perf_hooks');
const { checkCore, findCore } = require('./call.js');
const { readCallOptions, readOptionsObject } = require('./call-options.js');
const { Core } = require('./core.js');
const { Failure, internal, invalidInput } = require('./errors.js');
const { givenUpBefore } = require('./give-up.js');
const { InternalError } = require('./internal-error.js');
const { toJson } = require('./json.js');
const { observe, observersOf } = require('./observers.js');
const { messageOf } = require('./text.js');
const { TransactionRun } = require('./transaction-run.js');

/**
 * @import { PostgresTransaction } from '../index.js'
 * @import { PlainObject } from './plain-objects.js'
 * @import { Progress } from './types.js'
 */

/** @typedef {ReturnType<typeof findCore>} FoundCore */

/** The limit without `timeoutMs`. A transaction that never ended would hold its connection and its locks. */
const DEFAULT_TIMEOUT_MS = 30_000;

/**
 * The options, as far as the core does not check them.
 *
 * @param {unknown} given
 */
function readOptions(given) {
  const { signal, timeoutMs = DEFAULT_TIMEOUT_MS } = readCallOptions(given);
  const own = given == null ? {} : readOptionsObject(/** @type {PlainObject} */ (given), 'options');
  const json = toJson({ ...own, signal: undefined, timeoutMs: Math.ceil(timeoutMs) }, 'options');
  const { retries } = /** @type {{ retries?: number }} */ (own);
  return { signal, timeoutMs, json, retries: retries ?? 0 };
}

/**
 * @param {FoundCore} found
 * @param {unknown} work
 * @param {unknown} given
 */
function readArguments(found, work, given) {
  try {
    const core = checkCore(found, 'transaction');
    if (!(core instanceof Core)) throw invalidInput('this', 'is a transaction, which has no such method');
    if (typeof work !== 'function') throw invalidInput('work', work == null ? 'is required' : 'must be a function');
    const options = readOptions(given);
    const refusal = givenUpBefore(options.signal, options.timeoutMs);
    if (refusal !== undefined) throw refusal;
    return { core, options };
  } catch (error) {
    return error instanceof Failure ? error : internal(`the call could not be made: ${messageOf(error)}`);
  }
}

/**
 * Calls the function with a transaction, again if it may be repeated, and resolves with what it returned.
 *
 * @template T
 * @param {unknown} adapter
 * @param {(tx: PostgresTransaction) => PromiseLike<T> | T} work
 * @param {unknown} given the options
 * @returns {Promise<T>}
 */
function transaction(adapter, work, given) {
  const core = findCore(adapter);
  const call = (/** @type {Progress | undefined} */ progress) =>
    counted(core, () => repeat(core, work, given, progress));
  const observers = core instanceof Core ? observersOf(core, 'transaction') : undefined;
  if (!(core instanceof Core) || observers === undefined) return call(undefined);
  return observe(core, 'transaction', observers, call);
}

/**
 * Counts a transaction among the adapter's calls.
 *
 * @template T
 * @param {FoundCore} core
 * @param {() => Promise<T>} call
 * @returns {Promise<T>}
 */
async function counted(core, call) {
  const id = core?.native.beginTransactionCall();
  let code = null;
  try {
    return await call();
  } catch (error) {
    // Errors of the function's own have no code.
    if (error instanceof InternalError) ({ code } = error);
    throw error;
  } finally {
    if (id !== undefined) core?.native.endTransactionCall(id, code);
  }
}

/**
 * @template T
 * @param {FoundCore} found
 * @param {(tx: PostgresTransaction) => PromiseLike<T> | T} work
 * @param {unknown} given
 * @param {Progress | undefined} progress
 * @returns {Promise<T>}
 */
async function repeat(found, work, given, progress) {
  const read = readArguments(found, work, given);
  if (read instanceof Failure) throw read.toError('transaction');
  const { core, options } = read;
  const end = performance.now() + options.timeoutMs;
  for (let attempt = 1; ; attempt += 1) {
    if (progress !== undefined) progress.attempts = attempt;
    const leftMs = Math.max(0, Math.ceil(end - performance.now()));
    const run = new TransactionRun(core, options, attempt, leftMs);
    try {
      return await run.settle(work);
    } catch (error) {
      // A closed adapter takes no further attempt.
      if (attempt > options.retries || !run.mayBeRepeated() || core.isClosed) throw error;
    }
  }
}

module.exports = { transaction };
