/** The commands about what the tables hold. */

const { count, countOrNone, words } = require('./parsers.js');

/** @import { CommandEntry } from './commands.js' */

/** @type {CommandEntry[]} */
const DATA_COMMANDS = [
  {
    name: 'sweep',
    about: 'deletes what has expired or been used up, in batches',
    options: [
      ['--dry-run', 'count the rows of each kind, and delete none'],
      ['--kinds <kinds>', 'which kinds, with commas: sessions, apiKeys, … (default: all)', words],
      ['--older-than <time>', 'only what expired, or was used, at this time or before'],
      ['--limit <n>', 'how many rows of each kind at most (default: all)', count],
      ['--batch-size <n>', 'how many rows one statement deletes at most (default: 1000)', count],
    ],
    examples: ['sweep --dry-run', 'sweep --kinds sessions,apiKeys', 'sweep --older-than 2026-01-31T00:00:00Z'],
    load: () => require('./commands/sweep.js').sweep,
  },
  {
    name: 'export-user',
    about: 'prints everything that is stored about a person, as JSON and without credentials',
    args: [['<id>', 'the id of the user']],
    options: [['--events <n>', 'how many events at most, the newest ones (default: 1000)', countOrNone]],
    examples: ['export-user 0198c1de-6d4b-7e0a-9d7c-0c7f1b6a4c55 > person.json'],
    load: () => require('./commands/export-user.js').exportUser,
  },
  {
    name: 'erase-user',
    about: 'deletes everything that is stored about a person, after it has shown what, and asked',
    args: [['<id>', 'the id of the user']],
    options: [
      ['--events <what>', 'what happens to the events: "keep", "pseudonymise" or "delete"'],
      ['--yes', 'do not ask'],
    ],
    examples: ['erase-user 0198c1de-6d4b-7e0a-9d7c-0c7f1b6a4c55 --events pseudonymise'],
    load: () => require('./commands/erase-user.js').eraseUser,
  },
  {
    name: 'events',
    about: 'prints the newest audit events, the oldest of them first',
    options: [
      ['--principal <id>', 'only those of this principal'],
      ['--org <id>', 'only those of this organization'],
      ['--type <type>', 'only those of this type'],
      ['--from <time>', 'only those of this time or later'],
      ['--to <time>', 'only those before this time'],
      ['--limit <n>', 'how many at most (default: 50)', count],
      ['--follow', 'go on printing what comes, until Ctrl-C'],
    ],
    examples: ['events --type user.login --limit 100', 'events --org 0198c1de --follow --json'],
    load: () => require('./commands/events.js').events,
  },
  {
    name: 'sessions',
    about: 'lists the live sessions of a user, or ends them',
    args: [['<user>', 'the id of the user']],
    options: [
      ['--expired', 'list also those that have expired'],
      ['--revoke', 'end all of them'],
      ['--yes', 'do not ask'],
    ],
    examples: [
      'sessions 0198c1de-6d4b-7e0a-9d7c-0c7f1b6a4c55',
      'sessions 0198c1de-6d4b-7e0a-9d7c-0c7f1b6a4c55 --revoke --yes',
    ],
    load: () => require('./commands/sessions.js').sessions,
  },
];

module.exports = { DATA_COMMANDS };
