/** The console in a browser: what axe-core finds on its pages, with and without JavaScript, wide and narrow, light and dark. */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Page } from 'playwright-core';
import { createConsole } from '../../console';
import { listenWith } from '../../console/lib/cli/serve';
import { fillConsole } from '../../scripts/test/console-data.cjs';
import { useDatabase } from '../helpers/database';
import { expectAccessible } from './helpers/accessibility';
import { useBrowser } from './helpers/browser';
import { takeScreenshot } from './helpers/screenshot';

const db = useDatabase();
const browser = useBrowser();

let server: Server;
let origin: string;
let userId: string;
/** The pages by the names of their pictures. */
let paths: Record<string, string>;

beforeAll(async () => {
  const { storage } = db;
  const { first, organizations } = await fillConsole(storage);
  userId = first.id;
  const handler = createConsole(storage, {
    ...{ basePath: '/admin', title: 'Shop, production', requestsPerMinute: 10_000 },
    authorize: () => ({ name: 'grace@example.com', can: ['*'] }),
  });
  server = await listenWith(handler, 0);
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const [organization] = organizations;
  const [role] = await storage.listRoles(`${organization?.id}`);
  const [key] = await storage.listApiKeys(userId);
  const [saml, oidc] = await storage.listSSOProviders();
  paths = {
    overview: '/',
    'overview-month': '/?range=month',
    users: '/users',
    'users-none': '/users?q=nobody',
    user: `/users/${userId}`,
    organizations: '/organizations',
    organization: `/organizations/${organization?.id}`,
    role: `/organizations/${organization?.id}/roles/${role?.id}`,
    'api-keys': '/api-keys',
    'api-keys-found': `/api-keys?principal=${userId}`,
    'api-key': `/api-keys/${key?.id}`,
    sso: '/sso',
    'sso-saml': `/sso/${saml?.id}`,
    'sso-oidc': `/sso/${oidc?.id}`,
    events: '/events',
    health: '/health',
    'not-found': '/nothing',
  };
}, 60_000);

afterAll(() => new Promise((done) => server.close(done).closeAllConnections()));

async function open(path: string, options: Parameters<typeof browser.newPage>[0] = {}): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, ...options });
  await page.goto(`${origin}/admin${path}`);
  return page;
}

const closePage = (page: Page) => page.context().close();

describe.each([
  ['light', 1280],
  ['dark', 1280],
  ['light', 390],
  ['dark', 390],
] as const)('in %s, %i pixels wide', (colorScheme, width) => {
  it('axe-core finds nothing on any page, and no page is wider than the screen', async () => {
    const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
    for (const [name, path] of Object.entries(paths)) {
      await page.goto(`${origin}/admin${path}`);
      // Forms that are closed are looked at as well.
      await page.evaluate(() => {
        for (const details of document.querySelectorAll('details')) details.open = true;
      });
      await expectAccessible(page);
      const overflow = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      expect([name, overflow]).toEqual([name, 0]);
      await page.evaluate(() => {
        for (const details of document.querySelectorAll('details')) details.open = false;
      });
      await takeScreenshot(page, `console-${name}-${width}-${colorScheme}`);
    }
    await closePage(page);
  }, 300_000);
});

describe.each([true, false])('with JavaScript %s', (javaScriptEnabled) => {
  it('an operator finds a user, revokes a session after a question, and reads who did it', async () => {
    const page = await open('/users', { javaScriptEnabled });
    await page.getByLabel('E-mail begins with, or id').fill('ada');
    await page.getByRole('button', { name: 'Search' }).click();
    await page.getByRole('link', { name: /Ada Lovelace/ }).click();
    const sessions = page.getByRole('region', { name: 'Sessions' });
    const before = await sessions.getByRole('button', { name: 'Revoke this session' }).count();
    await sessions.getByRole('button', { name: 'Revoke this session' }).first().click();
    await page.getByRole('heading', { name: 'Revoke this session?' }).waitFor();
    if (javaScriptEnabled) await expectAccessible(page);
    await takeScreenshot(page, `console-question-${javaScriptEnabled ? 'dialog' : 'page'}`);
    await page.getByRole('button', { name: 'Revoke the session' }).click();
    await page.getByText('The session has been revoked.').waitFor();
    if (javaScriptEnabled) await expectAccessible(page);
    expect(await sessions.getByRole('button', { name: 'Revoke this session' }).count()).toBe(before - 1);
    const [event] = (await db.storage.listEvents({ principalId: userId, type: 'console.session.revoked' })).items;
    expect(event?.data.operator).toBe('grace@example.com');
    await closePage(page);
  });

  it('an operator edits a profile, and is told when somebody was faster', async () => {
    const user = await db.storage.createUser({ email: `edit-${javaScriptEnabled}@example.com`, name: 'Before' });
    const page = await open(`/users/${user.id}`, { javaScriptEnabled });
    const profile = page.getByRole('region', { name: 'Profile' });
    await page.getByText('Edit', { exact: true }).click();
    await profile.getByLabel('Name').fill('After');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('The user has been changed.').waitFor();
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('After');
    await db.storage.updateUser(user.id, { name: 'Meanwhile' });
    await page.getByText('Edit', { exact: true }).click();
    await profile.getByLabel('Name').fill('Late');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Somebody has changed this since you opened the page.').waitFor();
    await page.getByRole('link', { name: 'Back' }).click();
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('Meanwhile');
    await closePage(page);
  });

  it('a new API key is shown once', async () => {
    const page = await open(`/users/${userId}`, { javaScriptEnabled });
    await page.getByText('New API key').click();
    await page.getByLabel('Scopes').fill('documents:read');
    await page.getByRole('button', { name: 'Create API key' }).click();
    const key = await page.locator('code.secret').textContent();
    expect(await db.storage.verifyApiKeySecret(`${key}`)).toMatchObject({ principalId: userId });
    if (javaScriptEnabled) await expectAccessible(page);
    await takeScreenshot(page, 'console-new-api-key');
    await page.getByRole('link', { name: 'I have copied it' }).click();
    expect(await page.content()).not.toContain(key);
    await closePage(page);
  });

  it('a user is erased only after the e-mail has been typed', async () => {
    const user = await db.storage.createUser({ email: `gone-${javaScriptEnabled}@example.com` });
    const page = await open(`/users/${user.id}`, { javaScriptEnabled });
    await page.getByRole('button', { name: 'Erase this user' }).click();
    await page.getByLabel(`Type ${user.email} to confirm`).fill('something');
    await page.getByRole('button', { name: 'Erase for ever' }).click();
    await page.getByText('This is not what was asked for.').waitFor();
    expect(await db.storage.getUser(user.id)).not.toBeNull();
    await page.getByLabel(`Type ${user.email} to confirm`).fill(`${user.email}`);
    await page.getByRole('button', { name: 'Erase for ever' }).click();
    await page.getByText('The user has been erased.').waitFor();
    expect(await db.storage.getUser(user.id)).toBeNull();
    await closePage(page);
  });

  it('the audit log is filtered, read on, and saved as a file', async () => {
    const page = await open('/events', { javaScriptEnabled });
    await page.getByLabel('Type').fill('user.login_failed');
    await page.getByRole('button', { name: 'Filter' }).click();
    expect(await page.getByRole('cell', { name: 'user.login', exact: true }).count()).toBe(0);
    const [firstOfPage] = await page
      .locator('tbody tr')
      .evaluateAll((rows) => rows.map((row) => row.getAttribute('data-key')));
    await page.getByRole('link', { name: 'Next page' }).click();
    expect(page.url()).toContain('type=user.login_failed');
    expect(await page.locator(`tr[data-key="${firstOfPage}"]`).count()).toBe(0);
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Export CSV' }).click();
    expect((await download).suggestedFilename()).toBe('events.csv');
    await closePage(page);
  });
});

describe('what JavaScript adds', () => {
  it('is a question in a dialog, which Escape closes and which gives the focus back', async () => {
    const page = await open(`/users/${userId}`);
    const button = page.getByRole('button', { name: 'Revoke all' });
    await button.click();
    const dialog = page.getByRole('dialog', { name: 'Revoke all sessions?' });
    await dialog.waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    expect(await button.evaluate((element) => element === document.activeElement)).toBe(true);
    await button.click();
    await dialog.getByRole('link', { name: 'Cancel' }).click();
    await dialog.waitFor({ state: 'detached' });
    expect((await db.storage.listUserSessions(userId)).items).not.toEqual([]);
    await closePage(page);
  });

  it('is a list of users that follows what is typed', async () => {
    const page = await open('/users');
    await page.getByLabel('E-mail begins with, or id').pressSequentially('grace.h');
    await page.getByRole('link', { name: /Ada Lovelace/ }).waitFor({ state: 'detached' });
    await page.getByRole('link', { name: /Grace Hopper/ }).waitFor();
    expect(page.url()).toContain('q=grace.h');
    await closePage(page);
  });

  it('is an audit log that goes on by itself', async () => {
    const page = await open('/events');
    await page.getByLabel('Live').check();
    await db.storage.emitEvent({ type: 'just.now', principalId: userId, data: { n: 1 }, timestamp: new Date() });
    await page.getByRole('cell', { name: 'just.now' }).waitFor();
    expect(await page.locator('tbody tr').first().textContent()).toContain('just.now');
    await page.getByText('1 new', { exact: true }).waitFor();
    await closePage(page);
  });

  it('is a message that is said once, and not again when the page is loaded again', async () => {
    const page = await open('/users?done=user-erased&plan=pro');
    await page.getByText('The user has been erased.').waitFor();
    expect(page.url()).toBe(`${origin}/admin/users?plan=pro`);
    await page.reload();
    expect(await page.getByText('The user has been erased.').count()).toBe(0);
    await closePage(page);
  });
});

it('with the keyboard alone, the first stop leads past the navigation to the content', async () => {
  const page = await open('/users');
  await page.keyboard.press('Tab');
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Skip to the content');
  await page.keyboard.press('Enter');
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('main');
  await closePage(page);
});

it('the values of the chart can be opened as a table', async () => {
  const page = await open('/');
  await page.getByText('Show the numbers').click();
  const numbers = page.getByRole('region', { name: 'Sign-ins and failures, 24 hours, numbers' });
  expect(await numbers.getByRole('row').count()).toBe(25);
  await closePage(page);
});
