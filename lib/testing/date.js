/**
 * JavaScript's own clock. `Date` is replaced by a proxy of it, so that instances are real Dates, which `instanceof` and
 * `toStrictEqual` cannot tell apart.
 */

/**
 * @typedef {object} Clock
 * @property {DateConstructor} real
 * @property {DateConstructor} proxy
 * @property {() => number} realNow
 * @property {() => number} now
 */

/** @type {Clock | undefined} the clock that has replaced `Date` */
let current;

/** The fake timers of jest, vitest and others put a class of theirs, or a proxy of it, in the place of `Date`. */
function isBuiltIn() {
  const { Date: found } = globalThis;
  return found.prototype.constructor === found && /\[native code\]/.test(Function.prototype.toString.call(found));
}

/** @returns {Clock} */
function replaceDate() {
  const real = globalThis.Date;
  const realNow = real.now;
  /** @type {Clock} */
  const clock = {
    ...{ real, realNow, now: realNow },
    proxy: new Proxy(real, {
      construct: (_, args, newTarget) =>
        Reflect.construct(real, args.length === 0 ? [clock.now()] : args, newTarget === clock.proxy ? real : newTarget),
      apply: () => new real(clock.now()).toString(),
    }),
  };
  real.now = () => clock.now();
  globalThis.Date = clock.proxy;
  return clock;
}

/**
 * From now on `Date` says this time and goes on from there, or stands still. Fake timers keep the `Date` that they have
 * put there.
 *
 * @param {Date} date
 * @param {boolean} standsStill
 */
function moveDate(date, standsStill) {
  const moment = date.getTime();
  returnDate();
  if (!isBuiltIn()) return;
  current = replaceDate();
  const { realNow } = current;
  const shift = moment - realNow();
  current.now = standsStill ? () => moment : () => realNow() + shift;
}

function returnDate() {
  if (!current) return;
  const { real, realNow, proxy } = current;
  // Fake timers that have begun in the meantime will put the proxy back. From here on it says the real time.
  current.now = realNow;
  if (globalThis.Date === proxy) globalThis.Date = real;
  real.now = realNow;
  current = undefined;
}

module.exports = { moveDate, returnDate };
