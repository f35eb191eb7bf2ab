/** A database for a test file: `createTestStorage`. */

const { randomBytes } = require('node:crypto');
const { PostgresStorageAdapter } = require('../../index.js');
const { invalidInput } = require('../errors.js');
const { COPY_PREFIX, checkRole, dropAbandoned, dropCopy, ensureTemplate } = require('./databases.js');
const { moveDate, returnDate } = require('./date.js');
const { Script, urlOf } = require('./script.js');
const { findServer } = require('./server.js');
const { resetClock, setClock } = require('./server-clock.js');

/** @import { PostgresStorageAdapter as Adapter } from '../../index.js' */
/** @import { TestStorage, TestStorageOptions, TravelOptions } from './index.js' */
/** @import { TestServer } from './server.js' */

/** These options are refused, because `serverUrl` says where the database is. */
const OF_SERVER = ['host', 'port', 'user', 'password', 'database', 'pooler', 'migrate'];
/** Test files run in parallel, and a server takes a hundred connections by default. */
const DEFAULT_MAX = 4;

/**
 * @param {TestStorageOptions} [options]
 * @returns {Promise<TestStorage>}
 */
async function createTestStorage({ serverUrl, ...options } = {}) {
  for (const name of OF_SERVER) {
    if (name in options) {
      throw invalidInput(name, 'cannot be set for a database that is made here: see `serverUrl`').toError(
        'createTestStorage',
      );
    }
  }
  const server = await findServer(serverUrl);
  const name = COPY_PREFIX + randomBytes(8).toString('hex');
  const url = urlOf(server.url, name);
  const script = new Script(server.url, name);
  try {
    // This throws if an option is wrong, and opens no connection yet.
    const storage = new PostgresStorageAdapter(url, { max: DEFAULT_MAX, ...options });
    const role = await checkRole(script);
    await dropAbandoned(script);
    const template = await ensureTemplate({ script, serverUrl: server.url, name, schema: options.schema }, role);
    await script.run(`CREATE DATABASE ${name} TEMPLATE ${template}`);
    await storage.connect();
    return new Database({ server, script, name, url, storage, hasClock: role.isSuperuser }).asTestStorage();
  } catch (error) {
    await dropCopy(script, name).catch(() => undefined);
    await script.close();
    server.release();
    throw error;
  }
}

/** What belongs to one copy of the template, until it is closed. */
class Database {
  /**
   * @param {object} parts
   * @param {TestServer} parts.server
   * @param {Script} parts.script a session on the server, outside of the copy
   * @param {string} parts.name
   * @param {string} parts.url
   * @param {Adapter} parts.storage
   * @param {boolean} parts.hasClock
   */
  constructor({ server, script, name, url, storage, hasClock }) {
    this.server = server;
    this.script = script;
    this.name = name;
    this.url = url;
    this.storage = storage;
    this.hasClock = hasClock;
    /** @type {Script | undefined} a session in the copy, once somebody travels */
    this.inside = undefined;
    /** @type {Promise<void> | undefined} */
    this.closing = undefined;
    /** The latest of overlapping calls decides what `Date` says, as it does on the server. */
    this.latest = 0;
  }

  /** @returns {TestStorage} whose functions may be taken out of it */
  asTestStorage() {
    return {
      storage: this.storage,
      url: this.url,
      travelTo: (date, options) => this.travelTo(date, options),
      travelBack: () => this.travelBack(),
      close: () => {
        this.closing ??= this.close();
        return this.closing;
      },
    };
  }

  /**
   * @param {Date} date
   * @param {TravelOptions} [options]
   */
  async travelTo(date, { freeze = false } = {}) {
    if (!isTravelable(date)) throw invalidInput('date', 'must be a Date of the years 1 to 9999').toError('travelTo');
    if (!this.hasClock) {
      const reason = 'has a role that is no superuser: only a superuser can replace now() in the database of the tests';
      throw invalidInput('serverUrl', reason).toError('travelTo');
    }
    if (this.closing) throw invalidInput('this', 'has been closed').toError('travelTo');
    const moment = new Date(date.getTime());
    this.latest += 1;
    const own = this.latest;
    this.inside ??= new Script(this.url, this.name);
    await setClock(this.inside, moment, freeze);
    // Last, so that this clock is not ahead of the server's.
    if (own === this.latest) moveDate(this, moment, freeze);
  }

  async travelBack() {
    this.latest += 1;
    returnDate(this);
    if (this.inside && !this.closing) await resetClock(this.inside);
  }

  async close() {
    this.latest += 1;
    returnDate(this);
    await this.storage.disconnect();
    await this.inside?.close();
    await dropCopy(this.script, this.name).finally(async () => {
      await this.script.close();
      this.server.release();
    });
  }
}

/** @param {unknown} date of any realm */
function isTravelable(date) {
  if (Object.prototype.toString.call(date) !== '[object Date]') return false;
  const year = /** @type {Date} */ (date).getUTCFullYear();
  return year >= 1 && year <= 9999;
}

module.exports = { createTestStorage };
