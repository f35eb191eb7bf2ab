/** Proxies of an adapter, objects derived from it, and methods that are called without it. */
import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { useDatabase } from './helpers/database';
import { expectCode } from './helpers/errors';
import { userInput } from './helpers/fixtures';

const db = useDatabase();

class Audited extends PostgresStorageAdapter {
  readonly calls: string[] = [];
  override getUser(...args: Parameters<PostgresStorageAdapter['getUser']>) {
    this.calls.push('getUser');
    return super.getUser(...args);
  }
}

const WRAPPERS: Record<string, (storage: PostgresStorageAdapter) => PostgresStorageAdapter> = {
  'a proxy': (storage) => new Proxy(storage, {}),
  'a proxy of a proxy': (storage) => new Proxy(new Proxy(storage, {}), {}),
  'a proxy that wraps every function': (storage) =>
    new Proxy(storage, {
      get: (target, key, receiver) => {
        const value = Reflect.get(target, key, receiver);
        return typeof value === 'function' ? (...args: unknown[]) => value.apply(receiver, args) : value;
      },
    }),
  'an object that inherits from it': (storage) => Object.create(storage),
  'a frozen adapter': (storage) => Object.freeze(storage),
};

it.each(Object.keys(WRAPPERS))('%s works like the adapter itself', async (name) => {
  const storage = db.adapter();
  const wrapped = (WRAPPERS[name] as (typeof WRAPPERS)[string])(storage);
  await wrapped.connect();
  const user = await wrapped.createUser(userInput());
  await expect(wrapped.getUser(user.id)).resolves.toStrictEqual(user);
  await expect(storage.getUser(user.id)).resolves.toStrictEqual(user);
  await wrapped.disconnect();
  await expectCode(storage.getUser(user.id), 'not_connected');
});

it('a subclass can override a method and call the adapter’s', async () => {
  const storage = new Audited(db.url);
  await expect(storage.getUser('nobody')).resolves.toBeNull();
  expect(storage.calls).toEqual(['getUser']);
  await storage.disconnect();
});

it('an adapter has no enumerable properties', () => {
  const storage = db.adapter();
  expect(Object.keys(storage)).toEqual([]);
  expect({ ...storage }).toEqual({});
  expect(JSON.stringify(storage)).toBe('{}');
});

/** healthCheck() never rejects, and reports the same instead. */
const METHODS = Object.getOwnPropertyNames(PostgresStorageAdapter.prototype).filter(
  (name) => !['constructor', 'healthCheck'].includes(name),
);

it('healthCheck() that is called without its object says that it must be bound', async () => {
  const { healthCheck } = db.storage;
  const health = await healthCheck.call(undefined as never);
  expect(health).toMatchObject({ status: 'error', code: 'auth_postgres/invalid_input' });
  expect(health.message).toContain('storage.healthCheck.bind(storage)');
});

it.each(METHODS)('%s that is called on something else says that it must be bound', async (name) => {
  const { [name as 'getUser']: method } = db.storage;
  const others = [undefined, {}, 7, PostgresStorageAdapter.prototype, new Proxy({}, { get: () => 7 })];
  for (const other of others) {
    // `stats()` is synchronous, and throws.
    const call = async () => method.call(other as never, 'id');
    const error = await expectCode(call(), 'invalid_input', { field: 'this' });
    expect(error.message).toBe(
      `${name}: \`this\` is no PostgresStorageAdapter: call \`storage.${name}(…)\`, or bind the method: \`storage.${name}.bind(storage)\``,
    );
  }
});

it('a bound method works without its object', async () => {
  const getUser = db.storage.getUser.bind(db.storage);
  await expect(getUser('nobody')).resolves.toBeNull();
});
