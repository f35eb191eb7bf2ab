/** The packed package in the bundles of an application. No setting is about it unless a test says so. */
import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../scripts/test/postgres-server.cjs';
import { useDatabase } from '../helpers/database';
import { runProgram } from '../package/run';

const application = process.env.BUNDLERS_APPLICATION as string;
const SCOPE = '@kitiumai';
const platform = process.env.BUNDLERS_PLATFORM as string;
const db = useDatabase();

/** Outside of the application, so that a bundle finds nothing there but what was put beside it. */
const elsewhere = mkdtempSync(join(tmpdir(), 'bundlers-'));
afterAll(() => rmSync(elsewhere, { recursive: true }));

const node = (args: string[], cwd: string, env: Record<string, string> = {}) =>
  runProgram([process.execPath, ...args], cwd, { DATABASE_URL: db.url, ...env });

/** Bundles main.mjs of the application. Resolves with the directory of the bundle, whose name is `main`. */
async function bundle(bundler: string, ending: string): Promise<string> {
  const directory = mkdtempSync(join(elsewhere, 'bundle-'));
  expect(await node(['build.mjs', bundler, ending, join(directory, `main.${ending}`)], application)).toBe('');
  return directory;
}

/** Puts an installed package there, as a deployment would. */
function install(name: string, directory: string) {
  const installed = join('node_modules', SCOPE, name);
  cpSync(join(application, installed), join(directory, installed), { recursive: true });
}

describe.each([
  ['esbuild', 'cjs'],
  ['webpack', 'cjs'],
  ['webpack', 'mjs'],
  ['rspack', 'cjs'],
  ['rollup', 'cjs'],
  ['rollup', 'mjs'],
  ['vite', 'cjs'],
  ['vite', 'mjs'],
])('A bundle by %s in a file .%s', (bundler, ending) => {
  it('finds the binary in the node_modules above it, from any working directory', async () => {
    const directory = await bundle(bundler, ending);
    install(`auth-postgres-${platform}`, directory);
    const deep = join(directory, 'dist', 'server');
    mkdirSync(deep, { recursive: true });
    cpSync(join(directory, `main.${ending}`), join(deep, `main.${ending}`));
    expect(await node([join(deep, `main.${ending}`)], elsewhere)).toBe('works\n');
  });
});

describe('A bundle', () => {
  it('finds the binary beside the main package, where only that is linked, as pnpm does', async () => {
    const directory = await bundle('esbuild', 'cjs');
    const store = mkdtempSync(join(elsewhere, 'store-'));
    for (const name of ['auth-postgres', `auth-postgres-${platform}`]) install(name, store);
    mkdirSync(join(directory, 'node_modules', SCOPE), { recursive: true });
    const link = join('node_modules', SCOPE, 'auth-postgres');
    symlinkSync(join(store, link), join(directory, link), 'junction');
    expect(await node(['main.cjs'], directory)).toBe('works\n');
  });

  it('whose code is evaluated from strings finds the binary from the working directory', async () => {
    const directory = await bundle('webpack for development', 'cjs');
    install(`auth-postgres-${platform}`, directory);
    expect(await node(['main.cjs'], directory)).toBe('works\n');
  });

  it('without the binary beside it says what to install, and where', async () => {
    const directory = await bundle('esbuild', 'cjs');
    const failure = await node(['main.cjs'], directory).catch(({ message }) => message);
    expect(failure).toContain(`needs the package ${SCOPE}/auth-postgres-${platform}`);
    expect(failure).toContain('install it beside the bundle');
  });

  it('that esbuild writes as an ES module, which has no `require`, says what to set', async () => {
    const directory = await bundle('esbuild', 'mjs');
    const failure = await node(['main.mjs'], directory).catch(({ message }) => message);
    expect(failure).toContain("external: ['@kitiumai/auth-postgres']");
    expect(failure).toContain("format: 'cjs'");
  });
});

describe.each([
  ['turbopack', {}],
  // It traces what the bundles name, and not what their sources did.
  ['webpack', { serverExternalPackages: ['@kitiumai/auth-postgres'] }],
])('Next.js with %s', (mode, forStandalone) => {
  let server: ChildProcess | undefined;
  afterEach(() => {
    server?.kill();
  });

  const build = (env: Record<string, string>) =>
    node(['node_modules/next/dist/bin/next', 'build', `--${mode}`], application, {
      NEXT_TELEMETRY_DISABLED: '1',
      ...env,
    });

  /** Starts it and resolves with the texts of the route and of the page, as soon as it answers. */
  async function answers(args: (port: string) => string[], directory: string, env: Record<string, string>) {
    const port = String(await freePort());
    server = spawn(process.execPath, args(port), {
      cwd: directory,
      env: { ...process.env, NODE_ENV: 'production', DATABASE_URL: db.url, PORT: port, HOSTNAME: '127.0.0.1', ...env },
      stdio: 'ignore',
    });
    const read = async (path: string) => (await fetch(`http://127.0.0.1:${port}${path}`)).text();
    for (;;) {
      const route = await read('/api').catch(() => undefined);
      if (route !== undefined) return { route, page: await read('/') };
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  const expected = { route: '{"works":true}', page: expect.stringContaining('health: ok') };

  it('builds and serves an application that uses the package in a route and in a page', async () => {
    const env = { NEXT_DIRECTORY: `.next-${mode}` };
    await build(env);
    const start = (port: string) => ['node_modules/next/dist/bin/next', 'start', '--port', port];
    expect(await answers(start, application, env)).toEqual(expected);
  });

  it(`takes the binary along in a standalone deployment, with the settings ${JSON.stringify(forStandalone)}`, async () => {
    const directory = `.next-${mode}-standalone`;
    const settings = JSON.stringify({ output: 'standalone', ...forStandalone });
    await build({ NEXT_DIRECTORY: directory, NEXT_SETTINGS: settings });
    const deployed = join(elsewhere, mode);
    cpSync(join(application, directory, 'standalone'), deployed, { recursive: true, verbatimSymlinks: true });
    expect(await answers(() => ['server.js'], deployed, {})).toEqual(expected);
  });
});
