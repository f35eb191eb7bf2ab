/**
 * JavaScript's own clock. `Date` is replaced by a proxy of it, so that instances are real Dates, which `instanceof` and
 * `toStrictEqual` cannot tell apart. The constructor itself stays as it is, for code that has kept it.
 */

/** @type {Map<object, () => number>} who is away, and what time it is there; all see the time of the latest */
const journeys = new Map();

/** @type {ReturnType<typeof replacementOf> | undefined} made at the first journey */
let replacement;

/** The fake timers of jest, vitest and others put a class of theirs, or a proxy of it, in the place of `Date`. */
function isBuiltIn() {
  const { Date: found } = globalThis;
  return found.prototype.constructor === found && /\[native code\]/.test(Function.prototype.toString.call(found));
}

/** @param {DateConstructor} real */
function replacementOf(real) {
  const { now: realNow } = real;
  // Fake timers that begin during a journey put the proxy back, maybe after its end.
  const now = () => ([...journeys.values()].pop() ?? realNow)();
  /** @type {DateConstructor} */
  const proxy = new Proxy(real, {
    construct: (_, args, newTarget) =>
      Reflect.construct(real, args.length === 0 ? [now()] : args, newTarget === proxy ? real : newTarget),
    apply: () => new real(now()).toString(),
    get: (_, name) => (name === 'now' && real.now === realNow ? now : Reflect.get(real, name)),
  });
  return { real, realNow, proxy };
}

function restoreDate() {
  if (replacement && globalThis.Date === replacement.proxy) globalThis.Date = replacement.real;
}

/**
 * From now on `Date` says this time and goes on from there, or stands still. Fake timers keep the `Date` that they have
 * put there.
 *
 * @param {object} traveller
 * @param {Date} date
 * @param {boolean} standsStill
 */
function moveDate(traveller, date, standsStill) {
  const moment = date.getTime();
  journeys.delete(traveller);
  restoreDate();
  if (!isBuiltIn()) return;
  replacement ??= replacementOf(globalThis.Date);
  const { realNow, proxy } = replacement;
  const shift = moment - realNow();
  journeys.set(traveller, standsStill ? () => moment : () => realNow() + shift);
  globalThis.Date = proxy;
}

/** @param {object} traveller */
function returnDate(traveller) {
  if (journeys.delete(traveller) && journeys.size === 0) restoreDate();
}

module.exports = { moveDate, returnDate };
