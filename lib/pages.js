/** The lists: what their methods return is a promise of one page, and an iterable over the items of all pages. */

const { run } = require('./call.js');
const { givenUpBefore } = require('./give-up.js');
const { METHODS } = require('./methods.js');

/** @import { CheckedCallOptions, ListName, MethodName, ResultOf } from './types.js' */

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
  const options = /** @type {CheckedCallOptions} */ (args[at]);
  let read = args;
  for (;;) {
    const { items, next } = await run(adapter, name, read);
    for (const item of items) {
      const refusal = givenUpBefore(options.signal, undefined);
      if (refusal !== undefined) throw refusal.toError(name);
      yield item;
    }
    if (next === undefined) return;
    read = [...args.slice(0, at), { ...options, after: next }];
  }
}

/**
 * @param {MethodName} name
 * @returns {name is ListName}
 */
const isList = (name) => METHODS[name].isList === true;

/**
 * Calls any method. The options of a list are read now.
 *
 * @template {MethodName} Name
 * @param {unknown} adapter
 * @param {Name} name
 * @param {unknown[]} args
 * @returns {Promise<ResultOf<Name>>}
 */
function callMethod(adapter, name, args) {
  if (!isList(name)) return run(adapter, name, args);
  const { encoders, readCallOptions } = METHODS[name];
  const at = encoders.length - 1;
  const read = [...args];
  try {
    read[at] = { ...JSON.parse(encoders[at]?.(args[at]) ?? '{}'), ...readCallOptions(args) };
  } catch (error) {
    // Thrown again by the call, when somebody waits for it.
    read[at] = {
      get signal() {
        throw error;
      },
    };
  }
  return new LazyPages(
    () => run(adapter, name, read),
    () => walk(adapter, name, read),
  );
}

module.exports = { LazyPages, callMethod, isList };
