const { coloursFor } = require('../colours.js');
const { confirm } = require('../confirm.js');
const { withStorage } = require('../connection.js');
const { EXIT, UsageError } = require('../exit-codes.js');
const { oneLine, print, printJson, say } = require('../output.js');
const { withProgress } = require('../progress.js');

/** @import { EventErasure, UserExport } from '../../../index.js' */
/** @import { GlobalOptions } from '../connection.js' */

/** @type {readonly string[]} */
const ERASURES = ['keep', 'pseudonymise', 'delete'];

/**
 * @param {UserExport} found
 * @param {string} erasure
 */
function describe({ user, hasPassword, incomplete, ...lists }, erasure) {
  const { bold, red } = coloursFor(process.stderr);
  const whose = oneLine(user?.email ?? user?.name ?? 'a user that has been deleted already');
  say(red(bold(`This would be lost of ${whose}:`)));
  if (hasPassword) say('  password hash');
  for (const [kind, { length }] of Object.entries(lists)) {
    if (length === 0) continue;
    const fate = kind === 'events' ? ` (--events ${erasure})` : '';
    say(`  ${kind}  ${incomplete.includes(kind) ? 'more than ' : ''}${length}${fate}`);
  }
}

/**
 * @param {GlobalOptions & { events?: string, yes?: boolean }} options
 * @param {string} id
 */
async function eraseUser(options, id) {
  const whom = `user ${oneLine(id)}`;
  const { events, yes = false, json } = options;
  if (events === undefined || !ERASURES.includes(events)) {
    throw new UsageError(`--events is required, and is one of ${ERASURES.join(', ')}`);
  }
  return withStorage(options, async (storage, signal) => {
    const found = await storage.exportUser(id, { signal });
    if (found === null) {
      if (json) printJson({ erased: false });
      else print(`Nothing is stored about the ${whom}.`);
      return EXIT.done;
    }
    describe(found, events);
    if (!yes && !(await confirm(`Erase the ${whom}?`, signal))) {
      say('Nothing was done.');
      return EXIT.usage;
    }
    await withProgress('erasing', () =>
      storage.eraseUser(id, { events: /** @type {EventErasure} */ (events), signal }),
    );
    if (json) printJson({ erased: true });
    else print(`The ${whom} has been erased.`);
    return EXIT.done;
  });
}

module.exports = { eraseUser };
