/** The command auth-postgres-console, which serves the console on this machine by a link that works once. */
import { type ChildProcess, spawn } from 'node:child_process';
import { request } from 'node:http';
import { join } from 'node:path';
import { useDatabase } from '../helpers/database';
import { userInput } from '../helpers/fixtures';
import { textOf } from './helpers';

const db = useDatabase();
const PROGRAM = join(__dirname, '..', '..', 'console', 'lib', 'cli', 'main.js');
const running: ChildProcess[] = [];
afterAll(() => {
  for (const child of running) child.kill('SIGKILL');
});

function start(args: string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    env: { PATH: `${process.env.PATH}`, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.push(child);
  const output = { text: '' };
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output.text += data));
  const ended = new Promise<number | null>((done) => child.once('exit', (code) => setTimeout(() => done(code), 50)));
  const link = () =>
    new Promise<string>((done, fail) => {
      const look = setInterval(() => {
        const found = /http:\/\/127\.0\.0\.1:\d+\/open\/[\w-]{43}/.exec(output.text)?.[0];
        if (found) {
          clearInterval(look);
          done(found);
        }
      }, 20);
      ended.then((code) => fail(new Error(`It ended with ${code}: ${output.text}`)));
    });
  return { child, output, ended, link };
}

/** A request whose Host is chosen, as a page of another name could make a browser send it. */
function statusWithHost(url: string, host: string): Promise<number | undefined> {
  return new Promise((done, fail) => {
    request(url, { headers: { host } }, (response) => {
      response.resume();
      done(response.statusCode);
    })
      .on('error', fail)
      .end();
  });
}

it('the link works once, and gives the browser what it needs from then on', async () => {
  const user = await db.storage.createUser(userInput({ name: 'Somebody' }));
  const { child, link, ended } = start(['--operator', 'ada@laptop'], { DATABASE_URL: db.url });
  const url = await link();
  const origin = new URL(url).origin;

  // Without the link nothing is shown, and neither a HEAD nor another host uses it up.
  expect((await fetch(`${origin}/users`)).status).toBe(403);
  expect((await fetch(url, { method: 'HEAD' })).status).toBe(405);
  const { host, port } = new URL(url);
  for (const foreign of [
    'evil.example.com',
    `evil.example.com:${port}`,
    '127.0.0.1',
    `127.0.0.1:${Number(port) + 1}`,
    `[::1]:${port}`,
  ]) {
    expect([foreign, await statusWithHost(url, foreign)]).toEqual([foreign, 421]);
  }
  expect((await fetch(`${origin}/open/${'A'.repeat(43)}`, { redirect: 'manual' })).status).toBe(403);

  const opened = await fetch(url, { redirect: 'manual' });
  expect([opened.status, opened.headers.get('location')]).toEqual([303, '/']);
  const cookie = `${opened.headers.getSetCookie()[0]}`;
  expect(cookie).toMatch(/; Path=\/; HttpOnly; SameSite=Strict$/);
  expect((await fetch(url, { redirect: 'manual' })).status).toBe(403);

  const session = `${cookie.split(';')[0]}`;
  const page = await fetch(`${origin}/users/${user.id}`, { headers: { cookie: session } });
  expect([page.status, page.headers.get('cache-control')]).toEqual([200, 'no-store']);
  const text = await page.text();
  expect(textOf(text)).toContain('Somebody');
  expect(textOf(text)).toContain('ada@laptop');
  expect((await fetch(`${origin}/users`, { headers: { cookie: `${session}x` } })).status).toBe(403);
  expect(await statusWithHost(`${origin}/users`, `localhost:${port}`)).toBe(403);
  expect(host).toBe(`127.0.0.1:${port}`);

  // An action is done in the name of the operator.
  const token = `${/name="token" value="([^"]+)"/.exec(text)?.[1]}`;
  const csrf = `${page.headers.getSetCookie()[0]?.split(';')[0]}`;
  const done = await fetch(`${origin}/users/${user.id}/sessions/revoke-all`, {
    ...{ method: 'POST', redirect: 'manual', body: new URLSearchParams({ token, confirmed: 'yes' }) },
    headers: { origin, cookie: `${session}; ${csrf}` },
  });
  expect(done.status).toBe(303);
  const { items } = await db.storage.listEvents({ principalId: user.id });
  expect(items).toMatchObject([{ type: 'console.sessions.revoked', data: { operator: 'ada@laptop' } }]);

  child.kill('SIGTERM');
  expect(await ended).toBe(0);
});

it('with --read-only there is no form that changes anything', async () => {
  const { child, link } = start(['--url', db.url, '--read-only', '--title', 'Elsewhere']);
  const opened = await fetch(await link(), { redirect: 'manual' });
  const cookie = `${opened.headers.getSetCookie()[0]?.split(';')[0]}`;
  const page = await (await fetch(new URL('/sso', opened.url), { headers: { cookie } })).text();
  expect(page).toContain('Elsewhere');
  expect(page).not.toContain('method="post"');
  child.kill('SIGTERM');
});

it('wrong usage ends it with 2, a database that does not answer with 3, and no password is printed', async () => {
  const cases: [string[], number, RegExp][] = [
    [['--help'], 0, /^usage: auth-postgres-console/],
    [['--version'], 0, /^\d+\.\d+\.\d+/],
    [[], 2, /which database\?/],
    [['--port', 'x', '--url', db.url], 2, /--port is a number/],
    [['--nonsense'], 2, /nonsense/],
    [['--url', 'postgres://u:hidden-word@127.0.0.1:1/x'], 3, /no connection to the server/],
  ];
  await Promise.all(
    cases.map(async ([args, code, text]) => {
      const { ended, output } = start(args);
      expect([args, await ended]).toEqual([args, code]);
      expect(output.text).toMatch(text);
      expect(output.text).not.toContain('hidden-word');
    }),
  );
});
