/** The options of `createConsole`, checked once. */

const { randomBytes } = require('node:crypto');
const { makeKeys } = require('./secure/keys.js');

/** @import { ConsoleOptions } from '../index.js' */
/** @import { PostgresStorageAdapter } from '@kitiumai/auth-postgres' */

/**
 * @typedef {object} Settings
 * @property {PostgresStorageAdapter} storage
 * @property {ConsoleOptions['authorize']} authorize
 * @property {string} basePath without a slash at its end, so that it is empty for `/`
 * @property {string | undefined} signInUrl
 * @property {string} title
 * @property {{ signIn: string[], failure: string[] }} events
 * @property {import('./secure/keys.js').Keys} keys
 * @property {string | undefined} origin
 * @property {number} requestsPerMinute
 * @property {number} csvRows
 * @property {string[]} hiddenKeys in lower case
 * @property {(error: unknown, request: Request) => void} onError never throws
 */

/** The names of all options. */
const OPTIONS = new Set([
  ...['authorize', 'basePath', 'signInUrl', 'title', 'events', 'secret', 'origin', 'requestsPerMinute', 'csvRows'],
  ...['hiddenKeys', 'onError'],
]);
const SIGN_IN = ['user.login', 'user.signed_in'];
const FAILURE = ['user.login_failed', 'user.login.failed', 'user.sign_in_failed'];
const BASE_PATH = /^(\/[\w.~-]+)*\/?$/;
const SHORTEST_SECRET = 32;

/**
 * @param {PostgresStorageAdapter} storage
 * @param {ConsoleOptions} options
 * @returns {Settings}
 */
function readSettings(storage, options) {
  if (typeof storage?.listUsers !== 'function') {
    throw new TypeError('createConsole needs a PostgresStorageAdapter as its first argument.');
  }
  if (typeof options?.authorize !== 'function') {
    throw new TypeError('createConsole needs the option authorize: a function that says who may see the console.');
  }
  const unknown = Object.keys(options).find((name) => !OPTIONS.has(name));
  if (unknown !== undefined) throw new TypeError(`createConsole has no option "${unknown}".`);
  const {
    authorize,
    basePath = '/',
    signInUrl,
    title = 'Auth console',
    events = {},
    secret,
    origin,
    onError,
  } = options;
  if (typeof basePath !== 'string' || !BASE_PATH.test(basePath)) {
    throw new TypeError('basePath must be a path such as "/admin".');
  }
  if (secret !== undefined && (typeof secret !== 'string' || secret.length < SHORTEST_SECRET)) {
    throw new TypeError(`secret must be a string of at least ${SHORTEST_SECRET} characters.`);
  }
  return {
    ...{ storage, authorize, title, signInUrl },
    basePath: basePath.replace(/\/$/, ''),
    events: { signIn: [...(events.signIn ?? SIGN_IN)], failure: [...(events.failure ?? FAILURE)] },
    keys: makeKeys(secret ?? randomBytes(32)),
    origin: origin === undefined ? undefined : readOrigin(origin),
    requestsPerMinute: wholeNumber('requestsPerMinute', options.requestsPerMinute ?? 300),
    csvRows: wholeNumber('csvRows', options.csvRows ?? 100_000),
    hiddenKeys: (options.hiddenKeys ?? []).map((key) => key.toLowerCase()),
    onError: failsafe(onError ?? ((error) => console.error(error))),
  };
}

/**
 * @param {NonNullable<ConsoleOptions['onError']>} onError which may be async in spite of its type
 * @returns {Settings['onError']}
 */
function failsafe(onError) {
  return (error, request) => {
    new Promise((done) => done(onError(error, request))).catch((failure) => console.error(error, failure));
  };
}

/** @param {string} origin */
function readOrigin(origin) {
  if (!URL.canParse(origin) || new URL(origin).origin !== origin) {
    throw new TypeError('origin must be an origin such as "https://admin.example.com".');
  }
  return origin;
}

/**
 * @param {string} name
 * @param {number} value
 */
function wholeNumber(name, value) {
  if (!Number.isSafeInteger(value) || value < 1) throw new TypeError(`${name} must be a whole number from 1 on.`);
  return value;
}

module.exports = { OPTIONS, readSettings };
