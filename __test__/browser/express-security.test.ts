/** What the Express example tells, refuses, and sends with each answer. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { useDatabase } from '../helpers/database';
import { ExpressSite, SETTINGS, useExpressSite } from './helpers/express-site';
import { PASSWORD } from './helpers/people';
import { Visitor } from './helpers/visitor';

const EXAMPLE = path.join(__dirname, '..', '..', 'examples', 'express');

const database = useDatabase();
const running = useExpressSite(database);

/** What differs between two visits, whoever they are. */
const comparable = (text: string) => text.replaceAll(/value="[^"]*"|[\w.]+@example\.com/g, '');

it('A page does not say whether there is an account', async () => {
  const { site } = running;
  const visitor = new Visitor(site.origin);
  const known = 'known@example.com';
  const first = await visitor.fill('/sign-up', { name: 'Ada', email: known });
  const again = await visitor.fill('/sign-up', { name: 'Ada', email: known });
  expect(comparable(again.text)).toBe(comparable(first.text));

  const forgotten = await visitor.fill('/forgotten-password', { email: known });
  const nobody = await visitor.fill('/forgotten-password', { email: 'nobody@example.com' });
  expect(comparable(nobody.text)).toBe(comparable(forgotten.text));
  expect(await site.linksTo('nobody@example.com')).toEqual([]);

  const wrong = await visitor.fill('/sign-in', { email: known, password: 'wrong' });
  const unknown = await visitor.fill('/sign-in', { email: 'nobody@example.com', password: 'wrong' });
  expect([wrong.status, unknown.status]).toEqual([401, 401]);
  expect(comparable(unknown.text)).toBe(comparable(wrong.text));
});

it('A form is refused without its token, with that of somebody else, and from another site', async () => {
  const { site } = running;
  const [visitor, other] = [new Visitor(site.origin), new Visitor(site.origin)];
  await visitor.get('/sign-in');
  await other.get('/sign-in');
  const fields = { email: 'ada@example.com', password: PASSWORD };
  const statusOf = async (extra: Record<string, string>, headers = {}) =>
    (await visitor.post('/sign-in', { ...fields, ...extra }, headers)).status;
  expect(await statusOf({})).toBe(401);
  expect(await statusOf({}, { origin: site.origin })).toBe(401);
  expect(await statusOf({ csrf: '' })).toBe(403);
  expect(await statusOf({ csrf: other.csrf })).toBe(403);
  expect(await statusOf({}, { origin: 'https://evil.example' })).toBe(403);
  expect(await statusOf({}, { origin: 'null' })).toBe(403);
});

it('An address that only looks like that of an administrator does not open the console', async () => {
  const { site } = running;
  const statusFor = async (email: string) => {
    const user = await database.storage.createUser({ email });
    const expiresAt = new Date(Date.now() + 3_600_000);
    const session = await database.storage.createSession({
      userId: user.id,
      expiresAt,
      metadata: { secondFactor: true },
    });
    const visitor = new Visitor(site.origin);
    visitor.cookies.set('session', session.id);
    return (await visitor.get('/admin/users')).status;
  };
  expect(await statusFor('Kim@example.com')).toBe(200);
  // The first letter is the Kelvin sign, of which `toLowerCase()` makes a `k`.
  expect(await statusFor('\u212aim@example.com')).toBe(404);
});

it('After signing in, the browser stays on this site, whatever the address said', async () => {
  const { site } = running;
  const visitor = new Visitor(site.origin);
  const foreign = [
    'https://evil.example/',
    '//evil.example/a',
    '/\\evil.example/a',
    '/.//evil.example',
    '/a/..//evil.example',
  ];
  for (const next of [...foreign, 'javascript:alert(1)', '/\t/evil.example/a']) {
    const { text } = await visitor.get(`/sign-in?${new URLSearchParams({ next })}`);
    expect(text).toContain('name="next" value="/"');
  }
  const { text } = await visitor.get('/sign-in?next=/account/events');
  expect(text).toContain('name="next" value="/account/events"');
});

it('Every answer forbids scripts, frames, caches and other sites', async () => {
  const { site } = running;
  for (const each of ['/', '/nothing', '/api/me', '/healthz', '/sign-up']) {
    const { headers } = await fetch(site.origin + each);
    expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'; /);
    expect(headers.get('content-security-policy')).not.toContain('unsafe');
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('referrer-policy')).toBe('same-origin');
    expect(headers.get('x-powered-by')).toBeNull();
  }
});

it('Nonsense is answered with the status that fits, and nothing is logged', async () => {
  const { site } = running;
  const visitor = new Visitor(site.origin);
  await visitor.get('/sign-up');
  expect((await visitor.post('/sign-up', { name: '', email: 'ada@example.com' })).status).toBe(422);
  expect((await visitor.post('/sign-up', { name: 'Ada', email: 'no address' })).status).toBe(422);
  expect((await visitor.post('/sign-up', { name: 'a\u0000b', email: 'nul@example.com' })).status).toBe(422);
  expect((await visitor.post('/sign-up', { name: 'x'.repeat(50_000), email: 'ada@example.com' })).status).toBe(413);
  expect((await visitor.get('/choose-password?token=a&token=b')).status).toBe(410);
  expect((await visitor.get('/choose-password?token=%00.x')).status).toBe(410);
  expect((await visitor.get('/invitations?token=nothing')).status).toBe(410);
  expect((await visitor.get('/organizations/%')).status).toBe(400);
  expect((await fetch(`${site.origin}/api/me`, { headers: { authorization: 'Bearer é' } })).status).toBe(401);
  expect(site.output).not.toContain('"level":"error"');
});

it('With encryption, cookies are bound to the host, and browsers are told to stay with it', async () => {
  const start = `
    import { readConfig } from './src/config.ts';
    import { startSite } from './src/start.ts';
    await startSite(readConfig(process.env), { send: async () => undefined });`;
  const site = await ExpressSite.start({
    databaseUrl: database.url,
    env: { SITE_URL: 'https://example.com' },
    args: ['--import', 'tsx', '--input-type=module', '--eval', start],
  });
  try {
    const { headers } = await fetch(`${site.origin}/sign-in`);
    expect(headers.getSetCookie()).toEqual([
      expect.stringMatching(/^__Host-visitor=[\w-]{43}; Path=\/; HttpOnly; Secure; SameSite=Lax$/),
    ]);
    expect(headers.get('strict-transport-security')).toBe('max-age=63072000');
    expect((await fetch(`${site.origin}/mails`)).status).toBe(404);
  } finally {
    await site.stop();
  }
});

it.each([
  [{ SITE_URL: 'http://example.com' }, 'SITE_URL must begin with https:'],
  [{ SITE_URL: 'https://example.com/path' }, 'SITE_URL must be an origin'],
  [{ SITE_URL: 'https://example.com', SECRET: 'insecure-and-known-to-everybody-who-reads' }, 'SECRET must be one that'],
  [{ SECRET: 'short' }, 'The environment is not complete'],
  [{ SITE_URL: 'https://example.com' }, 'needs a mailer of its own'],
])('The site does not start with %j, and says why', (env, reason) => {
  const settings = { DATABASE_URL: database.url, SITE_URL: 'http://localhost:1', ...SETTINGS };
  const { status, stderr } = spawnSync(process.execPath, ['--import', 'tsx', 'src/main.ts'], {
    cwd: EXAMPLE,
    env: { ...process.env, ...settings, ...env },
    encoding: 'utf8',
  });
  expect(status).toBe(1);
  expect(stderr).toContain(reason);
});
