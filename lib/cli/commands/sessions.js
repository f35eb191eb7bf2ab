const { coloursFor } = require('../colours.js');
const { confirm } = require('../confirm.js');
const { withStorage } = require('../connection.js');
const { EXIT } = require('../exit-codes.js');
const { oneLine, plural, print, printJson, say, table } = require('../output.js');

/** @import { PostgresStorageAdapter, SessionRecord } from '../../../index.js' */
/** @import { GlobalOptions } from '../connection.js' */

/** The id of a session opens it, so that only its beginning is shown, and little of one that is short. */
const handleOf = (/** @type {string} */ id) => id.slice(0, Math.min(8, Math.floor(id.length / 3)));

/** @param {SessionRecord} session */
function summary({ id, orgId, plan, createdAt, expiresAt }) {
  return { handle: handleOf(id), orgId, plan, createdAt, expiresAt };
}

/**
 * @param {PostgresStorageAdapter} storage
 * @param {string} user
 * @param {{ includeExpired: boolean, signal: AbortSignal }} options
 */
async function collect(storage, user, options) {
  const sessions = [];
  for await (const session of storage.listUserSessions(user, options)) sessions.push(summary(session));
  return sessions;
}

/**
 * @param {GlobalOptions & { revoke?: boolean, yes?: boolean, expired?: boolean }} options
 * @param {string} user
 */
async function sessions(options, user) {
  const { revoke = false, yes = false, expired = false, json } = options;
  return withStorage(options, async (storage, signal) => {
    const found = await collect(storage, user, { includeExpired: expired || revoke, signal });
    if (revoke) {
      say(`The user ${oneLine(user)} has ${plural(found.length, 'session')}.`);
      if (found.length > 0 && !yes && !(await confirm('End all of them?', signal))) {
        say('Nothing was done.');
        return EXIT.usage;
      }
      const revoked = await storage.deleteUserSessions(user, { signal });
      if (json) printJson({ revoked });
      else print(`${plural(revoked, 'session')} ended`);
      return EXIT.done;
    }
    if (json) printJson(found);
    else if (found.length === 0) print('There are no sessions.');
    else {
      const { bold } = coloursFor(process.stdout);
      const rows = found.map(({ handle, orgId = '', createdAt, expiresAt }) => [
        ...[`${oneLine(handle)}…`, createdAt.toISOString(), expiresAt.toISOString(), oneLine(orgId)],
      ]);
      const head = ['session', 'created', 'expires', 'organization'];
      print(table([head, ...rows], (text, _, row) => (row === head ? bold(text) : text)));
    }
    return EXIT.done;
  });
}

module.exports = { sessions };
