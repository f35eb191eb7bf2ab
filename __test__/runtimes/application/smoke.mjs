/** The same package by `import`: the names are there, and they are the ones that `require` gives. */
import assert from 'node:assert';
import { createRequire } from 'node:module';
import * as all from '@kitiumai/auth-postgres';
import { InternalError, PostgresStorageAdapter } from '@kitiumai/auth-postgres';

const required = createRequire(import.meta.url)('@kitiumai/auth-postgres');
assert.strictEqual(PostgresStorageAdapter, required.PostgresStorageAdapter);
assert.strictEqual(InternalError, required.InternalError);
assert.strictEqual(/** @type {any} */ (all).default, required);

const storage = new PostgresStorageAdapter(process.env.DATABASE_URL ?? '');
await storage.connect();
const { id } = await storage.createUser({});
assert.strictEqual((await storage.getUser(id))?.id, id);
await assert.rejects(storage.updateUser('nobody', { name: 'x' }), InternalError);
await storage.disconnect();
console.log(process.versions.node);
