/** The Express example in a browser: organizations, invitations, roles, and the console. */
import type { Page } from 'playwright-core';
import { useDatabase } from '../helpers/database';
import { useBrowser } from './helpers/browser';
import { ADMIN, useExpressSite } from './helpers/express-site';
import { setUpAuthenticator, signIn, signUp, titleOf } from './helpers/people';
import { takeScreenshot } from './helpers/screenshot';

const database = useDatabase();
const running = useExpressSite(database);
const browser = useBrowser();

/** Somebody who has signed up and in, and has an organization. */
async function founder(email: string, name: string): Promise<{ page: Page; path: string }> {
  const page = await browser.newPage();
  await signUp(page, running.site, email, name);
  await signIn(page, running.site, email);
  await page.goto(`${running.site.origin}/organizations`);
  await page.getByLabel('Name').fill('Analytical Engines');
  await page.getByRole('button', { name: 'Create' }).click();
  await page.getByRole('heading', { name: 'Analytical Engines' }).waitFor();
  return { page, path: new URL(page.url()).pathname };
}

async function invite(page: Page, email: string, role: string): Promise<void> {
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Role of the new member').selectOption(role);
  await page.getByRole('button', { name: 'Invite' }).click();
  await page.getByText('The invitation is sent.').waitFor();
}

it('An invitation makes a member of the one it is for, once, and roles say what members may do', async () => {
  const { site } = running;
  const { page: owner, path } = await founder('owner@example.com', 'Owner');
  await invite(owner, 'grace@example.com', 'admin');
  const [link = ''] = await site.linksTo('grace@example.com');

  const stranger = await browser.newPage();
  await signUp(stranger, site, 'mallory@example.com', 'Mallory');
  await signIn(stranger, site, 'mallory@example.com');
  await stranger.goto(link);
  await stranger.getByText('It is for grace@example.com.').waitFor();
  expect(await stranger.getByRole('button', { name: 'Accept' }).count()).toBe(0);
  await stranger.goto(`${site.origin}${path}`);
  expect(await titleOf(stranger)).toBe('Not found');

  const grace = await browser.newPage();
  await signUp(grace, site, 'grace@example.com', 'Grace');
  await grace.goto(link);
  await grace.getByRole('main').getByRole('link', { name: 'Sign in' }).click();
  await grace.getByLabel('E-mail').fill('grace@example.com');
  await grace.getByLabel('Password').fill('correct horse battery');
  await grace.getByRole('main').getByRole('button', { name: 'Sign in' }).click();
  await grace.getByRole('button', { name: 'Accept' }).click();
  await grace.getByText('Welcome. You are a member now.').waitFor();
  await grace.goto(link);
  expect(await titleOf(grace)).toBe('This link does not work');

  // An admin invites members, and changes no roles.
  await grace.goto(`${site.origin}${path}`);
  expect(await grace.getByRole('button', { name: 'Change' }).count()).toBe(0);
  expect(await grace.getByLabel('Role of the new member').locator('option').allTextContents()).toEqual(['member']);

  await owner.goto(`${site.origin}${path}`);
  expect(await owner.getByRole('heading', { name: 'Invitations' }).count()).toBe(0);
  await takeScreenshot(owner, 'express-organization');
  await owner.getByLabel('Role of grace@example.com').selectOption('member');
  const row = owner.getByRole('listitem').filter({ hasText: 'grace@example.com' });
  await row.getByRole('button', { name: 'Change' }).click();
  await owner.getByText('The role is changed.').waitFor();
  await grace.goto(`${site.origin}${path}`);
  expect(await grace.getByLabel('Role of the new member').count()).toBe(0);
  expect((await grace.goto(`${site.origin}${path}/events`))?.status()).toBe(403);

  // The last owner stays.
  await owner.getByRole('button', { name: 'Leave' }).click();
  await owner.getByText('An organization keeps at least one owner.').waitFor();
  await owner.goto(`${site.origin}${path}`);
  await owner.getByRole('button', { name: 'Remove grace@example.com' }).click();
  await owner.getByText('The member is removed.').waitFor();
  expect((await grace.goto(`${site.origin}${path}`))?.status()).toBe(404);

  await owner.goto(`${site.origin}${path}/events`);
  expect(await owner.locator('td code').allTextContents()).toEqual([
    'organization.member_removed',
    'organization.role_changed',
    'organization.member_joined',
    'organization.member_invited',
    'organization.created',
  ]);
});

it('An invitation that was withdrawn opens nothing', async () => {
  const { site } = running;
  const { page } = await founder('second@example.com', 'Second');
  await invite(page, 'late@example.com', 'member');
  const [link = ''] = await site.linksTo('late@example.com');
  await page.getByRole('button', { name: 'Withdraw the invitation of late@example.com' }).click();
  await page.getByText('The invitation is withdrawn.').waitFor();
  await page.goto(link);
  expect(await titleOf(page)).toBe('This link does not work');
});

it('The console opens for an administrator with a second factor, and is not there for anybody else', async () => {
  const { site } = running;
  const anybody = await browser.newPage();
  await anybody.goto(`${site.origin}/admin`);
  expect(new URL(anybody.url()).pathname).toBe('/sign-in');
  await signUp(anybody, site, 'user@example.com');
  await signIn(anybody, site, 'user@example.com');
  expect((await anybody.goto(`${site.origin}/admin/users`))?.status()).toBe(404);

  const admin = await browser.newPage();
  await signUp(admin, site, ADMIN, 'Admin');
  await signIn(admin, site, ADMIN);
  await admin.goto(`${site.origin}/admin/users`);
  await admin.getByText('The console needs two-factor authentication.').waitFor();
  await setUpAuthenticator(admin, site);
  const response = await admin.goto(`${site.origin}/admin/users`);
  expect(response?.status()).toBe(200);
  await admin.getByText('user@example.com').first().waitFor();
  await takeScreenshot(admin, 'express-console');

  // What its forms do is done by the administrator, and is in the audit log.
  await admin.getByText('user@example.com').first().click();
  await admin.getByRole('heading', { level: 1 }).waitFor();
  expect(new URL(admin.url()).pathname).toMatch(/^\/admin\/users\/./);
});
