/** Runs one call of a method, from its arguments to its promise. */

const { Core } = require('./core.js');
const { Failure, internal, invalidInput } = require('./errors.js');
const { METHODS } = require('./methods.js');
const { observe, observersOf } = require('./observers.js');
const { messageOf } = require('./text.js');
const { TransactionCore } = require('./transaction-core.js');

/**
 * @import { PostgresStorageAdapter } from '../index.js'
 * @import { MethodName, Progress, ResultOf } from './types.js'
 */

/**
 * Where an adapter keeps its core. A property is found through proxies, and by objects that inherit from the adapter. No
 * proxy can show another value for it, because it can be neither changed nor removed.
 */
const CORE = Symbol('core');

/**
 * @param {unknown} adapter
 * @returns {Core | TransactionCore | undefined}
 */
function findCore(adapter) {
  try {
    const core = /** @type {{ [CORE]?: unknown }} */ (adapter)[CORE];
    return core instanceof Core || core instanceof TransactionCore ? core : undefined;
  } catch {
    // There is no `this` at all, or it is a proxy that hides what it stands for.
    return undefined;
  }
}

/**
 * @param {unknown} adapter
 * @param {keyof PostgresStorageAdapter} method
 */
const coreOf = (adapter, method) => checkCore(findCore(adapter), method);

/**
 * @param {Core | TransactionCore | undefined} core
 * @param {keyof PostgresStorageAdapter} method
 */
function checkCore(core, method) {
  if (core !== undefined) return core;
  throw invalidInput(
    'this',
    `is no PostgresStorageAdapter: call \`storage.${method}(…)\`, or bind the method: \`storage.${method}.bind(storage)\``,
  );
}

/**
 * Makes a call, and tells its observers about it.
 *
 * @template {MethodName} Name
 * @param {unknown} adapter
 * @param {Name} name
 * @param {unknown[]} args
 * @returns {Promise<ResultOf<Name>>}
 */
function run(adapter, name, args) {
  const core = findCore(adapter);
  const own = core instanceof TransactionCore ? core.core : core;
  const observers = own && observersOf(own, name);
  if (own === undefined || observers === undefined) return perform(core, name, args, undefined);
  return observe(own, name, observers, (progress) => perform(core, name, args, progress));
}

/**
 * Throws after its `await`, so that the error's stack reaches the caller's own frame.
 *
 * @template {MethodName} Name
 * @param {Core | TransactionCore | undefined} core
 * @param {Name} name
 * @param {unknown[]} args
 * @param {Progress | undefined} observed
 * @returns {Promise<ResultOf<Name>>}
 */
async function perform(core, name, args, observed) {
  const { encoders, decode, readCallOptions } = METHODS[name];
  let outcome;
  try {
    const checked = checkCore(core, name);
    const encoded = encoders.map((encode, at) => encode(args[at]));
    outcome = checked.call(name, encoded, readCallOptions(args), observed);
  } catch (error) {
    outcome = error instanceof Failure ? error : internal(`the call could not be made: ${messageOf(error)}`);
    core?.native.countRefused(name, outcome.fields.code);
    core?.refused(name, outcome);
  }
  outcome = await outcome;
  if (outcome instanceof Failure) {
    const error = outcome.toError(name);
    core?.failed(error);
    throw error;
  }
  return /** @type {(answer: unknown) => ResultOf<Name>} */ (decode)(outcome);
}

module.exports = { checkCore, CORE, coreOf, findCore, run };
