import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../scripts/postgres-server.cjs';

/** "nobody" everywhere on Linux: PgBouncer refuses to run as root. */
const UNPRIVILEGED = 65534;

export interface PgBouncer {
  /** The URL of the database that it was started for, through PgBouncer. */
  url: string;
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
  const lines = Object.entries({
    listen_addr: url.hostname,
    listen_port: url.port,
    unix_socket_dir: '',
    auth_type: 'scram-sha-256',
    auth_file: users,
    ...settings,
  }).map(([name, value]) => `${name} = ${value}`);
  const server = `* = host=${target.hostname} port=${target.port || 5432}`;
  writeFileSync(configuration, ['[databases]', server, '[pgbouncer]', ...lines, ''].join('\n'));
  writeFileSync(users, `"${decodeURIComponent(target.username)}" "${decodeURIComponent(target.password)}"\n`);

  const isRoot = process.getuid?.() === 0;
  if (isRoot) for (const path of [directory, users, configuration]) chownSync(path, UNPRIVILEGED, UNPRIVILEGED);
  const child = spawn('pgbouncer', ['--quiet', configuration], {
    ...(isRoot ? { uid: UNPRIVILEGED, gid: UNPRIVILEGED } : {}),
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.on('data', (chunk) => {
    log += chunk;
  });
  const exited = once(child, 'exit');

  const stop = async () => {
    child.kill('SIGTERM');
    await exited;
    rmSync(directory, { recursive: true, force: true });
  };
  const isUp = await untilListening(url, () => child.exitCode === null && child.signalCode === null);
  if (!isUp) {
    await stop();
    throw new Error(`PgBouncer did not start:\n${log}`);
  }
  return { url: url.href, stop };
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
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return false;
}
