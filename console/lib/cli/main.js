#!/usr/bin/env node
/** The command `auth-postgres-console`: the console of a database, on this machine. */

const { version } = require('../../package.json');
const { readArguments, USAGE, UsageError } = require('./arguments.js');

/** As of the command auth-postgres: wrong usage, and a database that cannot be reached. */
const EXIT = { usage: 2, unreachable: 3 };

/** @param {string[]} args */
async function main(args) {
  const {
    help,
    version: isVersion,
    url,
    schema,
    port,
    operator,
    title,
    events,
    readOnly,
  } = readArguments(args, process.env);
  if (help) return console.log(USAGE);
  if (isVersion) return console.log(version);
  if (url === undefined) {
    throw new UsageError('which database? Give --url, or set AUTH_POSTGRES_URL, DATABASE_URL or PGHOST and its like');
  }
  // They load the native core, which the help does without.
  const { PostgresStorageAdapter } = require('@kitiumai/auth-postgres');
  const { serveLocally } = require('./serve.js');
  const storage = new PostgresStorageAdapter(url, {
    ...{ application_name: 'auth-postgres-console', max: 5, migrate: false },
    ...(schema && { schema }),
  });
  await storage.connect();
  const who = { name: operator, can: /** @type {('read' | '*')[]} */ ([readOnly ? 'read' : '*']) };
  const { link, stop } = await serveLocally(storage, who, { port, title: title ?? databaseName(url), events });
  console.log(
    `The console runs for ${operator}${readOnly ? ', who can change nothing' : ''}. Open this link; it works once:\n`,
  );
  console.log(`  ${link}\n`);
  console.log('Ctrl-C ends it.');
  const end = async () => {
    await stop();
    await storage.disconnect({ timeoutMs: 1_000 });
  };
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
}

/** @param {string} url */
function databaseName(url) {
  const name = URL.canParse(url) ? decodeURIComponent(new URL(url).pathname.slice(1)) : '';
  return name || process.env.PGDATABASE || 'Auth console';
}

main(process.argv.slice(2)).catch((error) => {
  const isUsage = error instanceof UsageError;
  console.error(`auth-postgres-console: ${error.message}${isUsage ? '\nSee auth-postgres-console --help.' : ''}`);
  process.exit(isUsage || error.code === 'auth_postgres/invalid_input' ? EXIT.usage : EXIT.unreachable);
});
