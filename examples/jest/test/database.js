/** A database for a test file. */
const { randomBytes } = require('node:crypto');
const { PostgresStorageAdapter } = require('@kitiumai/auth-postgres');
const { onServer, urlOf } = require('./server');

/** Call it at the top of a test file; what it returns is connected once the tests run. */
function useStorage() {
  const name = `test_${randomBytes(6).toString('hex')}`;
  // Makes no connection yet.
  const storage = new PostgresStorageAdapter(urlOf(name), { max: 4 });

  beforeAll(async () => {
    await onServer(`CREATE DATABASE ${name} TEMPLATE ${process.env.TEMPLATE_DATABASE}`);
    await storage.connect();
  });

  afterAll(async () => {
    await storage.disconnect();
    await onServer(`DROP DATABASE ${name}`);
  });

  return storage;
}

module.exports = { useStorage };
