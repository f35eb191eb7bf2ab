/** Deleting what has expired. */

const { number } = require('../html/time.js');

/** @import { Action } from './action.js' */

/** So that one request stays short; what is left is swept by the next one. */
const MOST_ROWS = 10_000;
const KINDS = /** @type {const} */ ([
  ...['emailVerificationTokens', 'twoFactorSessions', 'ssoSessions', 'apiKeys', 'backupCodes', 'sessions'],
]);

/** @type {Action} */
const sweepRows = {
  path: '/health/sweep',
  permission: 'system:write',
  event: 'console.sweep.run',
  ask: () => ({
    title: 'Delete what has expired?',
    text: `Sessions, tokens, codes and API keys that have expired or been used up are deleted, at most ${number(MOST_ROWS)} of each kind. Events stay.`,
    button: 'Delete them',
    back: '/',
  }),
  async run(tx, { visit }) {
    const swept = await tx.sweep({ kinds: [...KINDS], limit: MOST_ROWS });
    // The kinds are values here: keys of their names, such as `apiKeys`, are hidden wherever events are shown.
    const deleted = Object.entries(swept).map(([kind, rows]) => ({ kind, rows }));
    return { about: { principalId: visit.operator.name, data: { deleted } }, to: '/', done: 'rows-swept' };
  },
};

module.exports = { SYSTEM_ACTIONS: [sweepRows] };
