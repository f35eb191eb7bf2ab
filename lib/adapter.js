/** The adapter as the application sees it. */

const { text } = require('./arguments.js');
const { CORE, coreOf, findCore, run } = require('./call.js');
const { Core } = require('./core.js');
const { Failure, fromNative } = require('./errors.js');
const { METHODS } = require('./methods.js');
const { defineMethods } = require('./define-methods.js');
const { readOptions } = require('./options.js');
const { transaction } = require('./transaction.js');

/**
 * @import { InternalError, PostgresStorageAdapter as Adapter } from '../index.js'
 */

/** @param {unknown} adapter */
function findOwnCore(adapter) {
  const core = findCore(adapter);
  return core instanceof Core ? core : undefined;
}

/**
 * The last one of several overlapping calls of `connect` and `disconnect` decides whether the adapter is open.
 *
 * @param {Core | undefined} core
 * @returns {() => boolean} whether no other one has begun since
 */
function beginLifecycleCall(core) {
  if (core === undefined) return () => false;
  core.lifecycleCall += 1;
  const own = core.lifecycleCall;
  return () => core.lifecycleCall === own;
}

class PostgresStorageAdapter {
  /**
   * @param {string} connectionString
   * @param {import('../index.js').PostgresStorageAdapterOptions} [options]
   */
  constructor(connectionString, options) {
    try {
      const core = new Core(text('connectionString')(connectionString), readOptions(options));
      Object.defineProperty(this, CORE, { value: core });
    } catch (error) {
      throw (error instanceof Failure ? error : fromNative(error)).toError('constructor');
    }
  }

  /** @type {Adapter['connect']} */
  async connect(options) {
    const core = findOwnCore(this);
    const isLast = beginLifecycleCall(core);
    await run(this, 'connect', [options]);
    if (core === undefined || !isLast()) return;
    core.isClosed = false;
    core.setOpen(true);
  }

  /** @type {Adapter['disconnect']} */
  async disconnect(options) {
    const core = findOwnCore(this);
    const isLast = beginLifecycleCall(core);
    await run(this, 'disconnect', [options]);
    if (core === undefined) return;
    if (isLast()) {
      core.setOpen(false);
      core.isClosed = true;
    }
    // A later call may have ended earlier, and have closed the adapter.
    core.stopListening();
  }

  /** @type {Adapter['stats']} */
  stats() {
    try {
      return JSON.parse(coreOf(this, 'stats').native.stats());
    } catch (error) {
      throw (error instanceof Failure ? error : fromNative(error)).toError('stats');
    }
  }

  /**
   * Never rejects, whatever it is given.
   *
   * @type {Adapter['healthCheck']}
   */
  async healthCheck(options) {
    const started = Date.now();
    try {
      return await run(this, 'healthCheck', [options]);
    } catch (error) {
      const { code, message } = /** @type {InternalError} */ (error);
      const pool = { total: 0, idle: 0, waiting: 0 };
      return { status: 'error', latencyMs: Date.now() - started, pool, code, message };
    }
  }

  /** @type {Adapter['transaction']} */
  async transaction(work, options) {
    return await transaction(this, work, options);
  }
}

defineMethods(PostgresStorageAdapter.prototype, Object.keys(METHODS));

module.exports = { PostgresStorageAdapter };
