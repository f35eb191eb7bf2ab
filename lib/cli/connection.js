/** Which database the command is for, and the connection to it. */

const { Interrupted, UsageError } = require('./exit-codes.js');

/** @import { Logger, PostgresStorageAdapter as Adapter } from '../../index.js' */

/**
 * @typedef {object} GlobalOptions
 * @property {string} [url]
 * @property {string} [schema]
 * @property {boolean} [json]
 */

/** Ctrl-C, and what else asks a process to end. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** libpq's variables, any of which says that the others count as well. */
const OF_LIBPQ = ['PGHOST', 'PGHOSTADDR', 'PGPORT', 'PGDATABASE', 'PGUSER', 'PGSERVICE'];

/**
 * The URL by `--url`, or else by the environment.
 *
 * @param {GlobalOptions} options
 * @returns {string}
 */
function findUrl({ url }) {
  const { AUTH_POSTGRES_URL, DATABASE_URL } = process.env;
  const found = url || AUTH_POSTGRES_URL || DATABASE_URL;
  if (found) return found;
  if (OF_LIBPQ.some((name) => process.env[name])) return 'postgres://';
  throw new UsageError('which database? Give --url, or set AUTH_POSTGRES_URL, DATABASE_URL or PGHOST and its like');
}

/**
 * Gives the work an adapter, and disconnects it afterwards. Each call has to get the signal, which Ctrl-C aborts. A second
 * Ctrl-C ends the process at once.
 *
 * @template T
 * @param {GlobalOptions} options
 * @param {(storage: Adapter, signal: AbortSignal) => Promise<T>} work
 * @param {{ logger?: Logger, max?: number }} [settings]
 * @returns {Promise<T>}
 */
async function withStorage(options, work, settings = {}) {
  const url = findUrl(options);
  // It loads the native core, which `--help` does without.
  const { PostgresStorageAdapter } = require('../../index.js');
  const storage = new PostgresStorageAdapter(url, {
    application_name: 'auth-postgres-cli',
    ...(options.schema && { schema: options.schema }),
    ...settings,
  });
  const controller = new AbortController();
  const { signal } = controller;
  const interrupt = () => controller.abort();
  for (const name of SIGNALS) process.once(name, interrupt);
  try {
    const result = await work(storage, signal);
    if (!signal.aborted) return result;
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    // It waits for the end of what is being cancelled on the server.
    await storage.disconnect({ timeoutMs: 1_000 });
    for (const name of SIGNALS) process.removeListener(name, interrupt);
  }
  throw new Interrupted('interrupted: what ran was cancelled, and what had been committed by then stays');
}

module.exports = { findUrl, SIGNALS, withStorage };
