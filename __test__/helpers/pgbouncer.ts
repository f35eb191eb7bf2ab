import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { freePort } from '../../scripts/test/postgres-server.cjs';

/** "nobody" everywhere on Linux: PgBouncer refuses to run as root. */
const UNPRIVILEGED = 65534;

export interface PgBouncer {
  /** The URL of the database that it was started for, through PgBouncer. */
  url: string;
  /** `SIGHUP` reloads its settings, `SIGUSR1` pauses it, `SIGUSR2` lets it go on. */
  signal(name: 'SIGHUP' | 'SIGUSR1' | 'SIGUSR2'): void;
  /** Changes settings in its file; a reload makes it read them. */
  configure(settings: Record<string, string>): void;
  /** Kills it with SIGKILL. */
  kill(): Promise<void>;
  /** Starts it again at the same address. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts the system's PgBouncer in front of a database; `settings` go to its `[pgbouncer]` section. */
export async function startPgBouncer(databaseUrl: string, settings: Record<string, string>): Promise<PgBouncer> {
  const target = new URL(databaseUrl);
  const url = new URL(databaseUrl);
  url.host = `127.0.0.1:${await freePort()}`;

  const directory = mkdtempSync(join(tmpdir(), 'auth-pgbouncer-'));
  const users = join(directory, 'users.txt');
  const configuration = join(directory, 'pgbouncer.ini');
  const write = (changed: Record<string, string>) => {
    const lines = Object.entries({
      listen_addr: url.hostname,
      listen_port: url.port,
      unix_socket_dir: '',
      auth_type: 'scram-sha-256',
      auth_file: users,
      ...settings,
      ...changed,
    }).map(([name, value]) => `${name} = ${value}`);
    const server = `* = host=${target.hostname} port=${target.port || 5432}`;
    writeFileSync(configuration, ['[databases]', server, '[pgbouncer]', ...lines, ''].join('\n'));
  };
  write({});
  writeFileSync(users, `"${decodeURIComponent(target.username)}" "${decodeURIComponent(target.password)}"\n`);
  if (isRoot()) for (const path of [directory, users, configuration]) chownSync(path, UNPRIVILEGED, UNPRIVILEGED);

  let running: Running;
  const start = async () => {
    running = run(configuration);
    const { child } = running;
    if (await untilListening(url, () => child.exitCode === null && child.signalCode === null)) return;
    await stop();
    throw new Error(`PgBouncer did not start:\n${running.log}`);
  };
  const end = async (signal: NodeJS.Signals) => {
    running.child.kill(signal);
    await running.exited;
  };
  const stop = async () => {
    await end('SIGTERM');
    rmSync(directory, { recursive: true, force: true });
  };
  await start();
  return {
    url: url.href,
    signal: (name) => void running.child.kill(name),
    configure: write,
    kill: () => end('SIGKILL'),
    start,
    stop,
  };
}

const isRoot = () => process.getuid?.() === 0;

interface Running {
  child: ChildProcess;
  exited: Promise<unknown>;
  log: string;
}

function run(configuration: string): Running {
  const child = spawn('pgbouncer', ['--quiet', configuration], {
    ...(isRoot() ? { uid: UNPRIVILEGED, gid: UNPRIVILEGED } : {}),
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const running = { child, exited: once(child, 'exit'), log: '' };
  child.stderr?.on('data', (chunk) => {
    running.log += chunk;
  });
  return running;
}

/**
 * Others who prepare statements of their own, without a name, on the same servers, and check their answers.
 * Returns what ends them.
 */
export function startStrangers(url: string, count: number): () => Promise<unknown> {
  let isDone = false;
  const stranger = async (_: unknown, number: number) => {
    const client = new Client({ connectionString: url });
    await client.connect();
    for (let call = 0; !isDone; call++) {
      const { rows } = await client.query('SELECT $1::int AS call, $2::text AS stranger', [call, `${number}`]);
      expect(rows).toEqual([{ call, stranger: `${number}` }]);
      await sleep(1);
    }
    await client.end();
  };
  const strangers = Promise.all(Array.from({ length: count }, stranger));
  return () => {
    isDone = true;
    return strangers;
  };
}

async function untilListening({ hostname, port }: URL, isAlive: () => boolean): Promise<boolean> {
  for (let attempt = 0; attempt < 100 && isAlive(); attempt++) {
    const socket = connect(Number(port), hostname);
    const isOpen = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isOpen) return true;
    await sleep(50);
  }
  return false;
}
