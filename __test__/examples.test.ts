/** The examples work as an application would use them. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { asSuperuser } from './helpers/database';
import { serverUrl } from './helpers/server';

const EXAMPLE = join(__dirname, '..', 'examples', 'jest');

it.each(['--maxWorkers=2', '--detectOpenHandles'])(
  'examples/jest passes with %s, exits by itself, and leaves no database behind',
  async (flag) => {
    const before = await databases();
    const { code, output } = await runJest([flag]);
    expect(output).toContain('7 passed, 7 total');
    expect(output).not.toMatch(/open handle|did not exit|force exit/);
    expect(code).toBe(0);
    expect((await databases()).filter((name) => !before.includes(name))).toEqual([]);
  },
);

/** Databases with the example’s kind of name; other test files create theirs at the same time. */
const databases = () =>
  asSuperuser(async (client) => {
    const { rows } = await client.query(`SELECT datname FROM pg_database WHERE datname ~ '^(test|template)_'`);
    return rows.map(({ datname }) => datname as string);
  });

function runJest(args: string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [require.resolve('jest/bin/jest'), ...args], {
    cwd: EXAMPLE,
    env: { ...process.env, DATABASE_URL: serverUrl(), JEST_WORKER_ID: undefined, NODE_ENV: undefined },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject).once('close', (code) => resolve({ code, output }));
  });
}
