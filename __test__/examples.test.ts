/** The examples work as an application would use them. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { Application } from './helpers/application';
import { useDatabase } from './helpers/database';
import { createRole, type DatabaseRole } from './helpers/database-role';

const EXAMPLE = join(__dirname, '..', 'examples', 'jest');

const db = useDatabase();
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

it('the demo serves the console with --console until SIGINT, and then ends as it does without', async () => {
  const demo = await Application.start({
    name: 'demo',
    args: ['index.mjs', '--console'],
    env: { DATABASE_URL: db.url },
    ready: /(http:\/\/127\.0\.0\.1:\S+)/,
  });
  const signedIn = await fetch(demo.url, { redirect: 'manual' });
  const cookie = signedIn.headers.getSetCookie().map((each) => each.split(';')[0]);
  const users = await fetch(new URL('/users', demo.url), { headers: { cookie: cookie.join('; ') } });
  expect([users.status, await users.text()]).toEqual([200, expect.stringContaining('Ada@example.com')]);
  expect(await demo.stop('SIGINT')).toBe(0);
  expect(demo.output).toContain('nothing left open');
  expect(await db.query(`SELECT FROM pg_namespace WHERE nspname LIKE 'auth_postgres_demo%'`)).toEqual([]);
});

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
