/**
 * An application's use of the package, by `require`, in the JavaScript of Node 16. DATABASE_URL names the database;
 * the last line of output is Node's version. A process that does not end by itself has failed, too.
 */
const assert = require('node:assert');
const { randomUUID } = require('node:crypto');
const { InternalError, PostgresStorageAdapter } = require('@kitiumai/auth-postgres');

const HOUR = 3_600_000;

/** @param {Promise<unknown>} promise */
const failureOf = (promise) =>
  promise.then(
    () => assert.fail('should have been refused'),
    (error) => error,
  );

async function main() {
  const lines = /** @type {string[]} */ ([]);
  const log = (/** @type {string} */ message) => lines.push(message);
  const storage = new PostgresStorageAdapter(process.env.DATABASE_URL ?? '', {
    max: 4,
    logger: { debug: log, info: log, warn: log, error: log },
  });
  await storage.connect();
  assert.strictEqual((await storage.healthCheck()).status, 'ok');

  const email = `${randomUUID()}@example.com`;
  const user = await storage.createUser({
    email,
    entitlements: ['read'],
    metadata: { nested: { 'ключ 🔑': [1, null] } },
  });
  assert.deepStrictEqual(await storage.getUserByEmail(email.toUpperCase()), user);
  assert.ok(user.createdAt instanceof Date);
  assert.deepStrictEqual(user.metadata, { nested: { 'ключ 🔑': [1, null] } });
  assert.strictEqual(await storage.getUser('nobody'), null);

  const expiresAt = new Date(Date.now() + HOUR);
  const session = await storage.createSession({ userId: user.id, entitlements: [], expiresAt });
  assert.strictEqual((await storage.getSession(session.id))?.expiresAt.getTime(), expiresAt.getTime());
  const found = await Promise.all(Array.from({ length: 200 }, () => storage.getSession(session.id)));
  assert.ok(found.every((each) => each?.userId === user.id));
  const event = { type: 'user.login', principalId: user.id, data: {}, timestamp: new Date() };
  await Promise.all(Array.from({ length: 50 }, () => storage.emitEvent(event)));
  const { key } = await storage.createApiKeyWithSecret(user.id, ['read'], 'kit');
  assert.deepStrictEqual((await storage.verifyApiKeySecret(key))?.scopes, ['read']);

  class Named {
    name = 'of a class';
  }
  assert.strictEqual((await storage.createUser(new Named())).name, 'of a class');

  const conflict = await failureOf(storage.createUser({ email }));
  assert.ok(conflict instanceof InternalError && conflict instanceof Error);
  assert.strictEqual(conflict.code, 'auth_postgres/conflict');
  assert.ok(conflict.cause instanceof Error);
  // Bun's engine does not keep the frames before an "await".
  if (!process.versions.bun) assert.match(conflict.stack ?? '', /smoke\.cjs/);
  assert.strictEqual(JSON.parse(JSON.stringify(conflict)).context.operation, 'createUser');
  const controller = new AbortController();
  const { signal } = controller;
  const calls = Array.from({ length: 50 }, () => storage.getUser(user.id, { signal }).catch((error) => error));
  controller.abort();
  // Those that the server had answered before are right, too.
  const isAnswer = (/** @type {any} */ { id, code }) => id === user.id || code === 'auth_postgres/cancelled';
  assert.ok((await Promise.all(calls)).every(isAnswer));
  assert.strictEqual((await failureOf(storage.getUser(user.id, { signal }))).code, 'auth_postgres/cancelled');
  const invalid = await failureOf(storage.createUser(/** @type {any} */ ({ emial: email })));
  assert.strictEqual(invalid.code, 'auth_postgres/invalid_input');
  assert.throws(() => new PostgresStorageAdapter('not a url'), InternalError);

  assert.ok(lines.length > 0);
  await storage.deleteUser(user.id);
  await storage.disconnect();
  assert.strictEqual((await failureOf(storage.getUser(user.id))).code, 'auth_postgres/not_connected');
}

main().then(
  () => console.log(process.versions.node),
  (error) => {
    console.error(error);
    process.exitCode = 1;
  },
);
