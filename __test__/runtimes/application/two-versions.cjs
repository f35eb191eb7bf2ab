/** Two versions of the package in one process, as two dependencies of an application may bring them. */
const assert = require('node:assert');
const first = require('@kitiumai/auth-postgres');
const second = require('./second/node_modules/@kitiumai/auth-postgres');

const url = process.env.DATABASE_URL ?? '';

async function main() {
  assert.notStrictEqual(first.PostgresStorageAdapter, second.PostgresStorageAdapter);
  const versions = [
    require('@kitiumai/auth-postgres/package.json').version,
    require('./second/node_modules/@kitiumai/auth-postgres/package.json').version,
  ];
  assert.notStrictEqual(versions[0], versions[1]);

  const adapters = [new first.PostgresStorageAdapter(url), new second.PostgresStorageAdapter(url)];
  await Promise.all(adapters.map((storage) => storage.connect()));
  const { id } = await adapters[0].createUser({});
  const found = await Promise.all(Array.from({ length: 200 }, (_, index) => adapters[index % 2].getUser(id)));
  assert.ok(found.every((user) => user.id === id));
  await assert.rejects(adapters[0].updateUser('nobody', { name: 'x' }), first.InternalError);
  await assert.rejects(adapters[1].updateUser('nobody', { name: 'x' }), second.InternalError);

  await adapters[0].disconnect();
  assert.strictEqual((await adapters[1].getUser(id)).id, id);
  await adapters[1].disconnect();
  console.log(process.versions.node);
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
