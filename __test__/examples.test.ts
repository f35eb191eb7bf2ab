/** The examples work as an application would use them. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createRole, type DatabaseRole } from './helpers/database-role';

const EXAMPLE = join(__dirname, '..', 'examples', 'jest');

let role: DatabaseRole;

beforeAll(async () => {
  role = await createRole('SUPERUSER');
});

afterAll(() => role.drop());

it.each(['--maxWorkers=2', '--detectOpenHandles'])(
  'examples/jest passes with %s, exits by itself, and leaves nothing but the template behind',
  async (flag) => {
    const { code, output } = await runJest([flag]);
    expect(output).toContain('7 passed, 7 total');
    expect(output).not.toMatch(/open handle|did not exit|force exit/);
    expect(code).toBe(0);
    expect(await role.databases()).toEqual([expect.stringMatching(/^auth_postgres_template_/)]);
  },
);

function runJest(args: string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [require.resolve('jest/bin/jest'), ...args], {
    cwd: EXAMPLE,
    env: { ...process.env, TEST_DATABASE_URL: role.url, JEST_WORKER_ID: undefined, NODE_ENV: undefined },
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
