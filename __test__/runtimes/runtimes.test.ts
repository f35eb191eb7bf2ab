/** Runs an application in which the packed package is installed; each of its scripts checks what it sees. */
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { NODE_VERSIONS, nodeProgram, OTHER_RUNTIMES, otherProgram } from '../../scripts/test/runtimes.cjs';
import { useDatabase } from '../helpers/database';

const application = process.env.RUNTIMES_APPLICATION as string;
const THIS_NODE = process.versions.node;
const db = useDatabase();

/** Programs of the repository's own devDependencies. */
const program = (name: string, path: string) => join(dirname(require.resolve(`${name}/package.json`)), path);

interface Result {
  code: number | null;
  stdout: string;
  stderr: string;
}

function run(node: string, args: string[], directory = application): Promise<Result> {
  const child = spawn(node, args, {
    cwd: directory,
    env: { ...process.env, DATABASE_URL: db.url, NODE_ENV: '', NODE_OPTIONS: '', NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      output[name] += chunk;
    });
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject).once('close', (code) => resolve({ code, ...output }));
  });
}

describe.each(NODE_VERSIONS)('Node.js %s', (version) => {
  const check = async (script: string) =>
    expect(await run(nodeProgram(version), [script])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });

  it('loads the package by require, and its methods work', () => check('smoke.cjs'));

  it('loads the package by import, and its methods work', () => check('smoke.mjs'));

  it('loads two versions of the package in one process', () => check('two-versions.cjs'));
});

describe.each(Object.entries(OTHER_RUNTIMES))('%s', (name, { args }) => {
  // They print the version of Node.js that they stand for.
  const success = { code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) };

  it.each(['smoke.cjs', 'smoke.mjs', 'two-versions.cjs'])('runs %s as Node.js does', async (script) => {
    expect(await run(otherProgram(name), [...args, script])).toEqual({ ...success, stderr: '' });
  });

  // Deno says on stderr how the workers ended that threw.
  it('survives the start and the end of 100 worker threads', async () => {
    expect(await run(otherProgram(name), [...args, 'workers.cjs'])).toMatchObject(success);
  });
});

const ENDS_OF_RANGE = [NODE_VERSIONS[0], NODE_VERSIONS.at(-1)] as string[];

it.each(process.env.RUNTIMES_QUICK ? ENDS_OF_RANGE : NODE_VERSIONS)(
  'Node.js %s survives the start and the end of 100 worker threads',
  async (version) => {
    expect(await run(nodeProgram(version), ['workers.cjs'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
    // Those whose thread was ended close without their JavaScript's help.
    const ofWorkers = `SELECT pid FROM pg_stat_activity WHERE application_name = 'worker-thread'`;
    while ((await db.query(ofWorkers)).length > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  },
);

describe('with the package installed', () => {
  it('jest runs tests that use it, without open handles', async () => {
    const swc = [require.resolve('@swc/jest'), { jsc: { parser: { syntax: 'typescript' } } }];
    const config = JSON.stringify({ rootDir: '.', testMatch: ['**/*.spec.ts'], transform: { '\\.ts$': swc } });
    const args = [program('jest', 'bin/jest.js'), '--config', config, '--detectOpenHandles'];
    const { code, stderr } = await run(process.execPath, args);
    expect(stderr).toContain('4 passed, 4 total');
    expect(stderr).not.toMatch(/open handle|did not exit/);
    expect(code).toBe(0);
  });

  it.each(['forks', 'threads', 'vmThreads'])('vitest runs tests that use it, with its pool of %s', async (pool) => {
    const args = [program('vitest', 'vitest.mjs'), 'run', '--root=.', '--globals', `--pool=${pool}`, 'tools.spec.ts'];
    const { code, stdout, stderr } = await run(process.execPath, args);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/Tests +4 passed \(4\)/);
    expect(code).toBe(0);
  });

  it.each(['node16', 'bundler'])('TypeScript compiles it with moduleResolution %s', async (resolution) => {
    const args = [program('typescript', 'bin/tsc'), '--project', `types/tsconfig.${resolution}.json`];
    args.push('--typeRoots', join(__dirname, '..', '..', 'node_modules', '@types'));
    expect(await run(process.execPath, args)).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it('esbuild bundles code that uses it, with the package left external', async () => {
    const args = [program('esbuild', 'bin/esbuild'), 'smoke.mjs', '--bundle', '--platform=node', '--format=esm'];
    args.push('--external:@kitiumai/auth-postgres', '--outfile=bundle.mjs');
    expect((await run(process.execPath, args)).code).toBe(0);
    expect(await run(process.execPath, ['bundle.mjs'])).toEqual({ code: 0, stdout: `${THIS_NODE}\n`, stderr: '' });
  });
});
