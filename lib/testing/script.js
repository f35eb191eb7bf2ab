/** Runs SQL that is not the store's. */

const { PostgresStorageAdapter } = require('../adapter.js');
const { findCore } = require('../call.js');
const { Failure } = require('../errors.js');

/** @import { Core } from '../core.js' */

/** One connection that stays open, and the session on it. */
class Script {
  /**
   * @param {string} url
   * @param {string} applicationName
   */
  constructor(url, applicationName) {
    this.adapter = new PostgresStorageAdapter(url, {
      ...{ max: 1, idleTimeoutMillis: 0, maxLifetimeSeconds: 0, maxRetries: 0, application_name: applicationName },
      // Statements wait for the locks of other test files.
      ...{ statementTimeoutMs: 0, lock_timeout: 0 },
    });
  }

  /**
   * @param {string} sql whose columns are text
   * @returns {Promise<(string | null)[][]>}
   */
  async run(sql) {
    const core = /** @type {Core} */ (findCore(this.adapter));
    const outcome = await core.call('runScript', [sql], {}, undefined);
    if (outcome instanceof Failure) throw outcome.toError('createTestStorage');
    return /** @type {(string | null)[][]} */ (outcome);
  }

  close() {
    return this.adapter.disconnect();
  }
}

/**
 * The URL with another database in it. No parser is used, since such a URL may name several hosts.
 *
 * @param {string} url
 * @param {string} database
 */
function urlOf(url, database) {
  return url.replace(/^([^:]+:\/\/[^/?#]*)(?:\/[^?#]*)?/, `$1/${database}`);
}

// TypeScript knows a class as a type, too, only if it is exported in this way.
exports.Script = Script;
exports.urlOf = urlOf;
