/** Reads the command line and runs a command. Each command's file is loaded when it is called. */

const { Command, CommanderError } = require('commander');
const { version } = require('../../package.json');
const { COMMANDS } = require('./commands.js');
const { EXIT, exitCodeOf, Interrupted, UsageError } = require('./exit-codes.js');
const { printJson, sayError } = require('./output.js');
const { hidePasswords, redact, SECRET_URL, withoutUrl } = require('./secrets.js');

const ABOUT = `Manages the database of @kitiumai/auth-postgres.

The database is the one of --url, or of AUTH_POSTGRES_URL (the role that migrates), DATABASE_URL, or PGHOST and its like.`;

const EXIT_CODES = `
Exit codes: 0 done, 1 something has to be done, 2 wrong usage, 3 the database cannot be reached.
https://github.com/kitiumai/auth-postgres/blob/main/docs/command-line.md`;

/**
 * A variable of the shell that was not set must not mean another database, or all rows. And a URL is no name.
 *
 * @param {unknown[]} values
 * @param {string} [url]
 */
function refuseMistaken(values, url) {
  if ([...values, url].includes('')) throw new UsageError('an argument is empty: is a variable of the shell not set?');
  if (values.flat().some((value) => SECRET_URL.test(String(value))))
    throw new UsageError('the URL of the database belongs after --url');
}

/**
 * @param {(code: number) => void} onEnd
 * @returns {Command}
 */
function makeProgram(onEnd) {
  const program = new Command('auth-postgres')
    .description(ABOUT)
    .version(version)
    .exitOverride()
    // Somebody may have forgotten `--url` before a URL.
    .allowExcessArguments(false)
    .configureOutput({
      writeOut: (text) => process.stdout.write(redact(text)),
      writeErr: (text) => process.stderr.write(redact(text)),
      outputError: (text, write) => write(withoutUrl(text)),
    })
    .addHelpText('after', EXIT_CODES);
  for (const { name, about, args = [], options = [], examples, load } of COMMANDS) {
    const command = program.command(name).description(about).copyInheritedSettings(program);
    for (const [argument, description] of args) command.argument(argument, description);
    for (const [flags, description, parse] of options) {
      if (parse) command.option(flags, description, parse);
      else command.option(flags, description);
    }
    command
      .option('--url <url>', 'the database (default: AUTH_POSTGRES_URL, DATABASE_URL or PG* variables)')
      .option('--schema <name>', 'the schema of the tables (default: the first one of the search_path)')
      .option('--json', 'print JSON, for scripts')
      .addHelpText('after', `\nExamples:\n${examples.map((example) => `  $ auth-postgres ${example}`).join('\n')}`)
      .action(async (...given) => {
        const values = given.slice(0, args.length);
        const own = given[args.length];
        try {
          const { url, ...others } = own;
          refuseMistaken([...values, ...Object.values(others)], url);
          onEnd(await load()(own, ...values));
        } catch (error) {
          sayError(error, own.json === true && !(error instanceof Interrupted));
          onEnd(exitCodeOf(error));
        }
      });
  }
  return program;
}

/**
 * @param {string[]} args
 * @returns {Promise<number>} the exit code
 */
async function run(args) {
  hidePasswords(args);
  let exitCode = EXIT.done;
  const program = makeProgram((code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help and the version that were asked for are no error.
    const isHelp =
      args.length > 0 && ['commander.helpDisplayed', 'commander.help', 'commander.version'].includes(error.code);
    if (isHelp) return EXIT.done;
    const message = withoutUrl(error.message.replace(/^error: /, ''));
    if (args.includes('--json')) printJson({ error: { message } });
    return EXIT.usage;
  }
  return exitCode;
}

module.exports = { run };
