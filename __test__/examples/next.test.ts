/** examples/next, built and started, over HTTP as a browser without JavaScript uses it. */
import { join } from 'node:path';
import { Application } from '../helpers/application';
import { useDatabase } from '../helpers/database';
import { until } from '../helpers/failing';
import { TcpProxy } from '../helpers/proxy';
import { runProgram } from '../package/run';

const DIRECTORY = join(__dirname, '..', '..', 'examples', 'next');
const NEXT = 'node_modules/next/dist/bin/next';
const PASSWORD = 'correct horse battery staple';

const db = useDatabase({ migrated: false });
let site: Application;

const start = (DATABASE_URL: string) =>
  Application.start({
    name: 'next',
    // A connection that it closes because it is idle may be the one on which the next form is being sent.
    args: [NEXT, 'start', '--port', '0', '--hostname', '127.0.0.1', '--keepAliveTimeout', '120000'],
    env: { DATABASE_URL, NEXT_TELEMETRY_DISABLED: '1' },
    ready: /Local:\s+(http:\S+)[\s\S]*Ready in/,
  });

beforeAll(async () => {
  // Without a database, as where an image is built.
  await runProgram([process.execPath, NEXT, 'build'], DIRECTORY, { NEXT_TELEMETRY_DISABLED: '1' });
  site = await start(db.url);
});

/** A browser's cookie, or none. */
const headersOf = (cookie?: string) => ({ ...(cookie && { cookie }) });
const get = (path: string, cookie?: string) => fetch(`${site.url}${path}`, { headers: headersOf(cookie) });
const textOf = async (path: string, cookie?: string) => (await get(path, cookie)).text();
const visible = (html: string) => html.replaceAll(/<script.*?<\/script>|<!--.*?-->/gs, '').replaceAll(/<[^>]*>/g, ' ');

interface Submitted {
  status: number;
  /** The path that the browser is sent to. */
  location: string | null;
  /** What the browser would send from then on. */
  cookie: string | undefined;
  attributes: string[];
}

/** Fills in the form of a page and sends it, with the hidden fields that name the action. */
async function submit(
  path: string,
  fields: Record<string, string>,
  { cookie, origin = site.url }: { cookie?: string | undefined; origin?: string } = {},
): Promise<Submitted> {
  const html = await textOf(path, cookie);
  const form = new FormData();
  for (const [, name, value] of html.matchAll(/<input type="hidden" name="([^"]+)"(?: value="([^"]*)")?/g)) {
    form.set(name as string, value ?? '');
  }
  for (const [name, value] of Object.entries(fields)) form.set(name, value);
  const response = await fetch(`${site.url}${path}`, {
    ...{ method: 'POST', body: form, redirect: 'manual', headers: { origin, ...headersOf(cookie) } },
  });
  const [set = '', ...attributes] = (response.headers.getSetCookie()[0] ?? '').split('; ');
  const location = response.headers.get('location');
  return {
    status: response.status,
    location: location && new URL(location, site.url).href.slice(site.url.length),
    ...{ cookie: set || undefined, attributes },
  };
}

const signUp = (email: string, password = PASSWORD) => submit('/sign-up', { email, password });

describe('The site of examples/next', () => {
  it('begins in an empty database, and greets a visitor', async () => {
    expect(visible(await textOf('/'))).toContain('You are not signed in');
    expect((await get('/api/health')).status).toBe(200);
    expect((await get('/api/session')).status).toBe(401);
  });

  it('signs up, out and in, with a cookie that only the server reads', async () => {
    const up = await signUp('ada@example.com');
    expect(up).toMatchObject({ status: 303, location: '/' });
    expect(up.cookie).toMatch(/^__Host-session=[\w-]{36}$/);
    expect(up.attributes).toEqual(expect.arrayContaining(['Path=/', 'Secure', 'HttpOnly', 'SameSite=lax']));
    expect(visible(await textOf('/', up.cookie))).toContain('Hello, ada@example.com');
    expect(await (await get('/api/session', up.cookie)).json()).toMatchObject({ user: { email: 'ada@example.com' } });

    const out = await submit('/', {}, { cookie: up.cookie });
    expect(out.cookie).toBe('__Host-session=');
    expect((await get('/api/session', up.cookie)).status).toBe(401);

    const back = await submit('/sign-in', { email: 'ADA@example.com', password: PASSWORD });
    expect((await get('/api/session', back.cookie)).status).toBe(200);
  });

  it('begins a new session with each sign-in, and ends the one before', async () => {
    const up = await signUp('grace@example.com');
    const again = await submit('/sign-in', { email: 'grace@example.com', password: PASSWORD }, { cookie: up.cookie });
    expect(again.cookie).not.toBe(up.cookie);
    expect((await get('/api/session', up.cookie)).status).toBe(401);
    expect((await get('/api/session', again.cookie)).status).toBe(200);
  });

  it('says what is wrong with what was entered, and at sign-in not which e-mails there are', async () => {
    expect((await signUp('ada@example.com')).location).toBe('/sign-up?problem=taken');
    expect((await signUp('ada\0@example.com')).location).toBe('/sign-up?problem=email');
    expect((await signUp('kay@example.com', 'short')).location).toBe('/sign-up?problem=password');
    const wrong = { location: '/sign-in?problem=credentials', cookie: undefined };
    expect(await submit('/sign-in', { email: 'ada@example.com', password: 'a wrong one' })).toMatchObject(wrong);
    expect(await submit('/sign-in', { email: 'ada\0@example.com', password: PASSWORD })).toMatchObject(wrong);
    expect(await submit('/sign-in', { email: 'nobody@example.com', password: PASSWORD })).toMatchObject(wrong);
    expect(await textOf('/sign-in?problem=credentials')).toContain('The e-mail or the password is wrong.');
    expect(await textOf('/sign-in?problem=<b>')).not.toContain('role="alert"');
  });

  it.each([
    ['empty', ''],
    ['no text that the database takes', '%00'],
    ['long', 'x'.repeat(2_000)],
    ['unknown', '00000000-0000-4000-8000-000000000000'],
  ])('takes somebody whose cookie is %s for a visitor', async (_, value) => {
    const page = await get('/', `__Host-session=${value}`);
    expect([page.status, visible(await page.text())]).toEqual([200, expect.stringContaining('You are not signed in')]);
  });

  it('refuses a form that another site has sent', async () => {
    const up = await signUp('victim@example.com');
    const forged = await submit('/', {}, { cookie: up.cookie, origin: 'https://elsewhere.example.com' });
    expect(forged.status).toBeGreaterThanOrEqual(400);
    expect((await get('/api/session', up.cookie)).status).toBe(200);
  });

  it('lets one of 64 sign up with an e-mail that all of them give at once', async () => {
    const email = 'wanted@example.com';
    const answers = await Promise.all(Array.from({ length: 64 }, () => signUp(email)));
    const locations = answers.map(({ location }) => location);
    expect(locations.filter((location) => location === '/')).toHaveLength(1);
    expect(new Set(locations)).toEqual(new Set(['/', '/sign-up?problem=taken']));
    expect(await db.query('SELECT count(*)::int FROM users WHERE email = $1', [email])).toEqual([{ count: 1 }]);
  });

  it('has one adapter, whichever of its bundles asks: 256 requests share ten connections', async () => {
    const { cookie } = await signUp('crowd@example.com');
    const paths = ['/', '/api/session', '/api/health', '/sign-in'];
    const answers = await Promise.all(
      Array.from({ length: 256 }, (_, at) => get(paths[at % paths.length] as string, cookie)),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(256).fill(200));
    const [row] = await db.query(
      `SELECT count(*)::int FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'auth-postgres'`,
    );
    expect(row.count).toBeLessThanOrEqual(10);
  });
});

describe('While the database is away, the site of examples/next', () => {
  it('starts all the same, and works as soon as it can', async () => {
    const proxy = await TcpProxy.start(db.url);
    await proxy.close();
    site = await start(proxy.url);
    expect((await get('/api/health')).status).toBe(503);
    await proxy.heal();
    await until(async () => (await get('/api/health')).status === 200);
    await site.stop('SIGKILL');
    await proxy.close();
  });

  it('shows a page that says so, answers 503, and knows its visitors when it is back', async () => {
    const proxy = await TcpProxy.start(db.url);
    site = await start(proxy.url);
    const { cookie } = await signUp('patient@example.com');
    await proxy.close();
    const page = visible(await textOf('/', cookie));
    expect(page).toContain('We cannot reach our database');
    expect(page).toContain('Try again');
    const route = await get('/api/session', cookie);
    expect([route.status, route.headers.get('retry-after')]).toEqual([503, '1']);
    expect((await get('/api/health')).status).toBe(503);
    const refused = await submit('/sign-in', { email: 'patient@example.com', password: PASSWORD });
    expect(refused.location).toBe('/sign-in?problem=unavailable');
    expect(visible(await textOf('/sign-in?problem=unavailable'))).toContain('Please try again.');
    await proxy.heal();
    await until(async () => (await get('/api/health')).status === 200);
    expect((await get('/api/session', cookie)).status).toBe(200);
    await site.stop('SIGKILL');
    await proxy.close();
  });
});
