/** An admin console for `@kitiumai/auth-postgres`, as one function from a web-standard Request to a Response. */

const { createApp } = require('./lib/app.js');
const { PERMISSIONS } = require('./lib/permissions.js');
const { readSettings } = require('./lib/settings.js');

/** @import { ConsoleHandler, ConsoleOptions } from './index.js' */
/** @import { PostgresStorageAdapter } from '@kitiumai/auth-postgres' */

/**
 * @param {PostgresStorageAdapter} storage
 * @param {ConsoleOptions} options
 * @returns {ConsoleHandler}
 */
function createConsole(storage, options) {
  const settings = readSettings(storage, options);
  const app = createApp(settings);
  const handler = (/** @type {Request} */ request) => Promise.resolve(app.fetch(request));
  return Object.assign(handler, { basePath: settings.basePath });
}

module.exports = { createConsole, PERMISSIONS };
