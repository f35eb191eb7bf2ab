/** A request of an operator, with what pages and actions need to know of it. */

const { makeToken } = require('./secure/csrf.js');
const { allows } = require('./permissions.js');
const { pathBelow } = require('./paths.js');

/** @import { Operator, Permission } from '../index.js' */
/** @import { Settings } from './settings.js' */
/** @import { PostgresStorageAdapter } from '@kitiumai/auth-postgres' */

/** @typedef {Partial<Record<string, string>>} Query */

/**
 * @typedef {object} Visit
 * @property {Settings} settings
 * @property {PostgresStorageAdapter} storage
 * @property {import('./caches.js').Caches} caches
 * @property {Operator} operator
 * @property {Request} request
 * @property {string} path below the base path
 * @property {Query} query without what is empty
 * @property {string} token of forms
 * @property {(permission: Permission) => boolean} may
 * @property {(path: string, query?: Query) => string} href a path of the console as browsers see it
 * @property {(query: Query) => string} hereWith this page with another query
 */

/**
 * @param {Settings} settings
 * @param {import('./caches.js').Caches} caches
 * @param {Request} request
 * @param {Operator} operator
 * @param {string} cookie
 * @returns {Visit}
 */
function makeVisit(settings, caches, request, operator, cookie) {
  const path = pathBelow(request.url, settings.basePath) ?? '/';
  const query = Object.fromEntries([...new URL(request.url).searchParams].filter(([, value]) => value !== ''));
  const href = (/** @type {string} */ to, /** @type {Query} */ parameters = {}) =>
    `${settings.basePath}${to}${toSearch(parameters)}`;
  return {
    ...{ settings, caches, operator, request, path, query, href },
    storage: settings.storage,
    token: makeToken(settings, cookie, operator.name),
    may: (permission) => allows(operator, permission),
    hereWith: (parameters) => href(path, parameters),
  };
}

/** @param {Query} query */
function toSearch(query) {
  const entries = Object.entries(query).flatMap(([name, value]) => (value ? [[name, value]] : []));
  return entries.length === 0 ? '' : `?${new URLSearchParams(entries)}`;
}

module.exports = { makeVisit };
