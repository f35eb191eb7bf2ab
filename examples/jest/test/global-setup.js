/** Once a run: a database with all tables in it, for the test files to copy. */
const { randomBytes } = require('node:crypto');
const { PostgresStorageAdapter } = require('@kitiumai/auth-postgres');
const { onServer, urlOf } = require('./server');

module.exports = async function globalSetup() {
  // Jest's workers inherit it.
  const template = `template_${randomBytes(6).toString('hex')}`;
  process.env.TEMPLATE_DATABASE = template;
  await onServer(`CREATE DATABASE ${template}`);
  const storage = new PostgresStorageAdapter(urlOf(template));
  await storage.connect();
  // Nobody may be connected to a database that is copied.
  await storage.disconnect();
};
