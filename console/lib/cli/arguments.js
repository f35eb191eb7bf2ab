/** The command line of `auth-postgres-console`. */

const { hostname, userInfo } = require('node:os');
const { parseArgs } = require('node:util');

const USAGE = `usage: auth-postgres-console [options]

Serves the console on this machine, for whoever opens the link that it prints.

  --url <url>        the database (default: AUTH_POSTGRES_URL, DATABASE_URL or PG* variables)
  --schema <name>    the schema of the tables (default: the first one of the search_path)
  --port <number>    where it listens on 127.0.0.1 (default: a free port)
  --operator <name>  who you are in the audit log (default: your login and this machine)
  --title <text>     what the pages call the place (default: the name of the database)
  --sign-in <type>   a type of events that counts as a sign-in; several are possible
  --failure <type>   a type of events that counts as a failed one; several are possible
  --read-only        nothing can be changed
  --help
  --version`;

/** libpq's variables, any of which says that the others count as well. */
const OF_LIBPQ = ['PGHOST', 'PGHOSTADDR', 'PGPORT', 'PGDATABASE', 'PGUSER', 'PGSERVICE'];
const LAST_PORT = 65_535;

/** The command line is wrong, or names no database. */
class UsageError extends Error {}

/**
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 */
function readArguments(args, env) {
  const values = parse(args);
  const url = values.url || env.AUTH_POSTGRES_URL || env.DATABASE_URL;
  const port = Number(values.port ?? 0);
  if (!Number.isInteger(port) || port < 0 || port > LAST_PORT) throw new UsageError('--port is a number up to 65535.');
  return {
    help: values.help === true,
    version: values.version === true,
    url: url || (OF_LIBPQ.some((name) => env[name]) ? 'postgres://' : undefined),
    schema: values.schema,
    port,
    operator: values.operator || `${login()}@${hostname()}`,
    title: values.title,
    events: { signIn: values['sign-in'], failure: values.failure },
    readOnly: values['read-only'] === true,
  };
}

/** @param {string[]} args */
function parse(args) {
  const text = /** @type {const} */ ({ type: 'string' });
  const texts = /** @type {const} */ ({ type: 'string', multiple: true });
  const flag = /** @type {const} */ ({ type: 'boolean' });
  try {
    return parseArgs({
      args,
      options: {
        ...{ url: text, schema: text, port: text, operator: text, title: text },
        ...{ 'sign-in': texts, failure: texts, 'read-only': flag, help: flag, version: flag },
      },
    }).values;
  } catch (error) {
    throw new UsageError(/** @type {Error} */ (error).message);
  }
}

function login() {
  try {
    return userInfo().username;
  } catch {
    // The user has no entry in the system's table, as in some containers.
    return 'operator';
  }
}

module.exports = { readArguments, USAGE, UsageError };
