/** The Express example in a browser: accounts, sessions, second factors and keys. */
import { useDatabase } from '../helpers/database';
import { useBrowser } from './helpers/browser';
import { useExpressSite } from './helpers/express-site';
import {
  enterCode,
  enterPassword,
  PASSWORD,
  setUpAuthenticator,
  signIn,
  signUp,
  textOf,
  titleOf,
} from './helpers/people';
import { takeScreenshot } from './helpers/screenshot';

const STEP_MS = 30_000;

const database = useDatabase();
const running = useExpressSite(database);
const browser = useBrowser();

it('Somebody signs up, confirms the address by choosing a password, and signs in', async () => {
  const { site } = running;
  const page = await browser.newPage();
  await page.goto(`${site.origin}/account`);
  expect(new URL(page.url()).pathname).toBe('/sign-in');
  await signUp(page, site, 'ada@example.com', 'Ada <b>Lovelace</b>');
  await signIn(page, site, 'ADA@example.com');
  expect(await titleOf(page)).toBe('Welcome, Ada <b>Lovelace</b>');
  const cookies = await page.context().cookies();
  expect(cookies).toEqual([
    expect.objectContaining({ name: 'visitor', httpOnly: true, sameSite: 'Lax', path: '/' }),
    expect.objectContaining({ name: 'session', httpOnly: true, sameSite: 'Lax', path: '/' }),
  ]);

  const [link = ''] = await site.linksTo('ada@example.com');
  await page.goto(link);
  expect(await titleOf(page)).toBe('This link does not work');
});

it('Signing in gives the browser a new session each time, and the one before ends', async () => {
  const { site } = running;
  const page = await browser.newPage();
  await signUp(page, site, 'rota@example.com');
  const sessionOf = async () => (await page.context().cookies()).find(({ name }) => name === 'session')?.value ?? '';
  await signIn(page, site, 'rota@example.com');
  const first = await sessionOf();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByText('You are signed out.').waitFor();
  expect(await sessionOf()).toBe('');
  expect(await database.storage.getSession(first)).toBeNull();

  // A cookie that somebody else has put there does not become a session.
  const planted = { name: 'session', value: 'a-session-that-was-chosen-by-somebody', url: site.origin };
  await page.context().addCookies([planted]);
  await signIn(page, site, 'rota@example.com');
  expect([first, planted.value]).not.toContain(await sessionOf());
});

it('A code of the authenticator works once, a backup code replaces one once, and both end other sessions', async () => {
  const { site } = running;
  const [page, other] = await Promise.all([browser.newPage(), browser.newPage()]);
  await signUp(page, site, 'totp@example.com');
  await signIn(page, site, 'totp@example.com');
  await signIn(other, site, 'totp@example.com');
  const { code, backupCodes } = await setUpAuthenticator(page, site);
  expect(backupCodes).toHaveLength(10);
  await other.goto(`${site.origin}/account`);
  expect(new URL(other.url()).pathname).toBe('/sign-in');

  // The code of this step has turned it on.
  const next = code(STEP_MS);
  await enterPassword(other, site, 'totp@example.com');
  await enterCode(other, '000000');
  await other.getByText('This code is wrong, or it has been used already.').waitFor();
  await enterCode(other, next);
  await other.getByRole('heading', { name: 'Welcome' }).waitFor();

  const third = await browser.newPage();
  await enterPassword(third, site, 'totp@example.com');
  await enterCode(third, next);
  await third.getByText('This code is wrong, or it has been used already.').waitFor();
  await enterCode(third, (backupCodes[0] ?? '').toLowerCase());
  await third.getByRole('heading', { name: 'Welcome' }).waitFor();

  const fourth = await browser.newPage();
  await enterPassword(fourth, site, 'totp@example.com');
  await enterCode(fourth, backupCodes[0] ?? '');
  await fourth.getByText('This code is wrong, or it has been used already.').waitFor();
  await page.goto(`${site.origin}/account/two-factor`);
  await page.getByText('9 of your 10 backup codes are unused.').waitFor();

  // What is stored opens nothing by itself.
  const stored = await database.query(
    "SELECT d.secret, c.code FROM twofa_devices d JOIN twofa_backup_codes c USING (user_id) JOIN users u ON u.id = d.user_id WHERE u.email = 'totp@example.com'",
  );
  expect(stored).toHaveLength(10);
  for (const row of stored) {
    expect(row.secret).not.toMatch(/^[A-Z2-7]+$/);
    expect(backupCodes).not.toContain(row.code);
  }
});

it('After five wrong codes the sign-in has to begin again', async () => {
  const { site } = running;
  const page = await browser.newPage();
  await signUp(page, site, 'guess@example.com');
  await signIn(page, site, 'guess@example.com');
  const { code } = await setUpAuthenticator(page, site);
  const other = await browser.newPage();
  await enterPassword(other, site, 'guess@example.com');
  for (let attempt = 1; attempt <= 5; attempt++) {
    await enterCode(other, `00000${attempt}`);
    await other.getByText('This code is wrong').waitFor();
  }
  await enterCode(other, code(STEP_MS));
  await other.getByText('The sign-in took too long, or too many codes were wrong.').waitFor();
});

it('Signing out everywhere ends the session of another browser, and ending one session leaves the others', async () => {
  const { site } = running;
  const [page, other] = await Promise.all([browser.newPage(), browser.newPage()]);
  await signUp(page, site, 'many@example.com');
  await signIn(page, site, 'many@example.com');
  await signIn(other, site, 'many@example.com');
  await page.goto(`${site.origin}/account/sessions`);
  await takeScreenshot(page, 'express-sessions');
  const html = await page.content();
  for (const each of await page.context().cookies()) expect(html).not.toContain(each.value);

  const others = page.getByRole('listitem').filter({ hasNotText: 'this browser' });
  await others.getByRole('button', { name: 'End this session' }).click();
  await page.getByText('The session is ended.').waitFor();
  await other.goto(`${site.origin}/account`);
  expect(new URL(other.url()).pathname).toBe('/sign-in');

  await signIn(other, site, 'many@example.com');
  await page.getByRole('button', { name: 'Sign out everywhere' }).click();
  await page.getByText('You are signed out everywhere.').waitFor();
  await other.goto(`${site.origin}/account`);
  expect(new URL(other.url()).pathname).toBe('/sign-in');
});

it('A forgotten password is replaced by a link, which ends all sessions', async () => {
  const { site } = running;
  const [page, other] = await Promise.all([browser.newPage(), browser.newPage()]);
  await signUp(page, site, 'forgot@example.com');
  await signIn(page, site, 'forgot@example.com');
  await other.goto(`${site.origin}/forgotten-password`);
  await other.getByLabel('E-mail').fill('Forgot@example.com');
  await other.getByRole('button', { name: 'Send a link' }).click();
  await other.getByRole('heading', { name: 'Look into your mails' }).waitFor();
  const [link = ''] = await site.linksTo('forgot@example.com');
  await other.goto(link);
  await other.getByLabel('New password').fill('short');
  await other.getByRole('button', { name: 'Set the password' }).click();
  await other.getByText('A password has at least 12 characters.').waitFor();
  await other.getByLabel('New password').fill('another one, and longer');
  await other.getByRole('button', { name: 'Set the password' }).click();
  await other.getByText('Your password is set.').waitFor();

  await page.goto(`${site.origin}/account`);
  expect(new URL(page.url()).pathname).toBe('/sign-in');
  await enterPassword(page, site, 'forgot@example.com', PASSWORD);
  await page.getByText('The e-mail or the password is wrong.').waitFor();
  await enterPassword(page, site, 'forgot@example.com', 'another one, and longer');
  await page.getByRole('heading', { name: 'Welcome' }).waitFor();
});

it('An API key is shown once, works for what it is for, and no longer once it is revoked', async () => {
  const { site } = running;
  const page = await browser.newPage();
  await signUp(page, site, 'keys@example.com', 'Keys');
  await signIn(page, site, 'keys@example.com');
  await page.goto(`${site.origin}/account/api-keys`);
  await page.getByLabel('Name').fill('Robot');
  await page.getByLabel('Read your profile').check();
  await page.getByRole('button', { name: 'Make the key' }).click();
  const key = await textOf(page.locator('#api-key'));
  const ask = (path: string) => fetch(`${site.origin}/api${path}`, { headers: { authorization: `Bearer ${key}` } });

  const me = await ask('/me');
  expect(await me.json()).toMatchObject({ email: 'keys@example.com', name: 'Keys', scopes: ['profile:read'] });
  expect((await ask('/events')).status).toBe(403);
  await page.getByRole('link', { name: 'I have kept it' }).click();
  expect(await page.content()).not.toContain(key);

  await page.getByRole('button', { name: 'Revoke Robot' }).click();
  await page.getByText('The key is revoked.').waitFor();
  const revoked = await ask('/me');
  expect([revoked.status, revoked.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);

  await page.goto(`${site.origin}/account/events`);
  const types = await page.locator('td code').allTextContents();
  expect(types).toEqual([
    'api_key.revoked',
    'api_key.created',
    'user.signed_in',
    'user.password_set',
    'user.signed_up',
  ]);
});
