/** What can be tried without a database: the addon loads, its threads work, and errors come back. */
const assert = require('node:assert');
const { InternalError, PostgresStorageAdapter } = require('@kitiumai/auth-postgres');

async function main() {
  const storage = new PostgresStorageAdapter('postgres://nobody@127.0.0.1:1/none');
  await assert.rejects(storage.connect(), (error) => {
    assert.ok(error instanceof InternalError);
    assert.strictEqual(error.code, 'auth_postgres/connection_failed');
    return true;
  });
  await storage.disconnect();
  console.log(process.versions.node);
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
