/** The lists: what their methods return is a promise of one page, and an iterable over the items of all pages. */

const { run } = require('./call.js');
const { METHODS } = require('./methods.js');

/** @import { ListName, MethodName, ResultOf } from './types.js' */

/**
 * A promise whose call is made when somebody waits for it. It is never settled itself: everything that waits for a promise
 * uses `then`, which leads to the promise of the call. So if the list is only iterated over, there is no promise of a call
 * whose rejection nobody handles.
 *
 * @template T
 * @extends {Promise<T>}
 */
class LazyPages extends Promise {
  /**
   * What `finally` returns is an ordinary promise.
   *
   * @override
   */
  static get [Symbol.species]() {
    return Promise;
  }

  /**
   * @param {() => Promise<T>} first makes the call for the first page
   * @param {() => AsyncIterator<unknown>} walk
   */
  constructor(first, walk) {
    super(() => {});
    /** @type {Promise<T> | undefined} */
    let called;
    Object.defineProperties(this, {
      // biome-ignore lint/suspicious/noThenProperty: it is a promise
      then: {
        /** @type {Promise<T>['then']} */
        value: (onFulfilled, onRejected) => {
          called ??= first();
          return called.then(onFulfilled, onRejected);
        },
      },
      [Symbol.asyncIterator]: { value: walk },
    });
  }
}

/**
 * Each iteration reads the pages again, so that it sees what is there by then.
 *
 * @param {unknown} adapter
 * @param {ListName} name
 * @param {unknown[]} args
 */
async function* walk(adapter, name, args) {
  const at = METHODS[name].encoders.length - 1;
  const options = args[at];
  for (;;) {
    const { items, next } = await run(adapter, name, args);
    yield* items;
    if (next === undefined) return;
    // They have been read, so that they are an object by now.
    const { signal, timeoutMs } = /** @type {import('../index.js').CallOptions} */ (options ?? {});
    args = args.slice(0, at).concat({ .../** @type {object} */ (options), signal, timeoutMs, after: next });
  }
}

/**
 * @param {MethodName} name
 * @returns {name is ListName}
 */
const isList = (name) => METHODS[name].isList === true;

/**
 * Calls any method.
 *
 * @template {MethodName} Name
 * @param {unknown} adapter
 * @param {Name} name
 * @param {unknown[]} args
 * @returns {Promise<ResultOf<Name>>}
 */
function callMethod(adapter, name, args) {
  if (!isList(name)) return run(adapter, name, args);
  return new LazyPages(
    () => run(adapter, name, args),
    () => walk(adapter, name, args),
  );
}

module.exports = { callMethod };
