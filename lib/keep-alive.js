/**
 * Keeps the process running while calls are pending. The core's own wake-up never does, so that an idle adapter does not
 * hold a process that has nothing else to do.
 */

const { setInterval } = require('node:timers');
const native = require('../native.js');
const { MAX_TIMEOUT_MS } = require('./call-options.js');

let count = 0;
/** @type {NodeJS.Timeout | undefined} */
let timer;

function ref() {
  count += 1;
  if (count > 1) return;
  if (timer === undefined) {
    // In the async context of the first caller, the timer would keep that caller's stores for ever.
    native.withoutContext(() => {
      timer = setInterval(() => {}, MAX_TIMEOUT_MS);
    });
  }
  timer?.ref();
}

/** @param {number} [times] how many calls of `ref` this undoes */
function unref(times = 1) {
  count -= times;
  if (count === 0) timer?.unref();
}

module.exports = { ref, unref };
