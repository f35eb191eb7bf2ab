/** A database for all tests of a file or of a `describe` block: `useTestStorage`. */

const { PostgresStorageAdapter } = require('../adapter.js');
const { invalidInput } = require('../errors.js');
const { METHODS } = require('../methods.js');
const { LazyPages, isList } = require('../pages.js');
const { createTestStorage } = require('./storage.js');

/** @import { PostgresStorageAdapter as Adapter } from '../../index.js' */
/** @import { HookFunctions, TestStorage, TestStorageInUse, UseTestStorageOptions } from './index.js' */

/** The first file of the first run starts a server and makes the template. */
const SET_UP_LIMIT_MS = 120_000;

/**
 * @param {UseTestStorageOptions} [options]
 * @returns {TestStorageInUse}
 */
function useTestStorage({ hooks, ...options } = {}) {
  const { beforeAll, afterEach, afterAll } = hooks ?? /** @type {Partial<HookFunctions>} */ (globalThis);
  if (!beforeAll || !afterEach || !afterAll) {
    const reason =
      'are missing, and there are no global ones: import beforeAll, afterEach and afterAll from your test runner, and ' +
      'give them as useTestStorage({ hooks: { beforeAll, afterEach, afterAll } })';
    throw invalidInput('hooks', reason).toError('useTestStorage');
  }
  /** @type {TestStorage | undefined} */
  let test;
  const inUse = () => {
    if (test) return test;
    const reason =
      'is used before the tests begin: it has a database from its own beforeAll on, and until its afterAll';
    throw invalidInput('useTestStorage()', reason).toError('useTestStorage');
  };
  const storage = latecomer(() => inUse().storage);

  beforeAll(async () => {
    test = await createTestStorage(options);
    Object.setPrototypeOf(storage, test.storage);
  }, SET_UP_LIMIT_MS);
  afterEach(async () => test?.travelBack());
  afterAll(async () => {
    await test?.close();
    test = undefined;
  }, SET_UP_LIMIT_MS);

  return {
    storage,
    get url() {
      return inUse().url;
    },
    travelTo: async (date, how) => inUse().travelTo(date, how),
    travelBack: async () => inUse().travelBack(),
  };
}

/**
 * An adapter that inherits from the real one as soon as there is one. Methods that were taken out of it before call that one.
 *
 * @param {() => Adapter} find
 * @returns {Adapter}
 */
function latecomer(find) {
  const early = new Proxy(Object.create(PostgresStorageAdapter.prototype), {
    get(target, name, receiver) {
      const method = Reflect.get(target, name, receiver);
      if (typeof name !== 'string' || !(name in METHODS)) return method;
      if (!isList(/** @type {never} */ (name)))
        return async (/** @type {unknown[]} */ ...args) => find() && Reflect.apply(method, receiver, args);
      return (/** @type {unknown[]} */ ...args) => {
        const pages = Reflect.apply(method, receiver, args);
        return new LazyPages(
          async () => find() && pages,
          () => find() && pages[Symbol.asyncIterator](),
        );
      };
    },
  });
  return Object.create(early);
}

module.exports = { useTestStorage };
