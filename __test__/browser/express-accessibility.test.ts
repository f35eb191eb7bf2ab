/** What axe-core says of every page of the Express example, in both colour schemes. */
import type { Page } from 'playwright-core';
import { useDatabase } from '../helpers/database';
import { expectAccessible } from './helpers/accessibility';
import { useBrowser } from './helpers/browser';
import { ADMIN, useExpressSite } from './helpers/express-site';
import { enterPassword, PASSWORD, setUpAuthenticator, signIn, signUp } from './helpers/people';
import { takeScreenshot } from './helpers/screenshot';

const running = useExpressSite(useDatabase());
const browser = useBrowser();

/** Looks at the page as it is. */
async function look(page: Page, name: string): Promise<void> {
  await expectAccessible(page);
  await takeScreenshot(page, `express-${name}`);
}

it.each(['light', 'dark'] as const)('Nothing is wrong with the pages for visitors (%s)', async (colorScheme) => {
  const { site } = running;
  const page = await browser.newPage({ colorScheme });
  const visitor = `${colorScheme}@example.com`;
  for (const path of ['', 'sign-up', 'sign-in', 'forgotten-password', 'choose-password', 'mails', 'nothing']) {
    await page.goto(`${site.origin}/${path}`);
    await look(page, `${path || 'home'}-${colorScheme}`);
  }
  await enterPassword(page, site, visitor, 'wrong');
  await look(page, `wrong-password-${colorScheme}`);
  await signUp(page, site, visitor);
  await look(page, `password-set-${colorScheme}`);
  await page.goto(`${site.origin}/mails`);
  await look(page, `mails-${colorScheme}`);
});

it.each([
  ['light', { width: 1280, height: 800 }],
  ['dark', { width: 360, height: 740 }],
] as const)('Nothing is wrong with the pages of somebody who is signed in (%s)', async (colorScheme, viewport) => {
  const { site } = running;
  const page = await browser.newPage({ colorScheme, viewport });
  const email = colorScheme === 'light' ? ADMIN : 'phone@example.com';
  await signUp(page, site, email);
  await signIn(page, site, email);
  await look(page, `welcome-${colorScheme}`);
  await page.goto(`${site.origin}/account/two-factor`);
  await look(page, `two-factor-off-${colorScheme}`);
  await page.getByLabel('Your password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Set it up' }).click();
  await page.locator('#totp-key').waitFor();
  await look(page, `two-factor-set-up-${colorScheme}`);
  await page.goto(`${site.origin}/organizations`);
  await page.getByLabel('Name').fill('A company with a name that is as long as names of companies can be');
  await page.getByRole('button', { name: 'Create' }).click();
  await page.getByLabel('E-mail').fill('somebody.with.a.long.address@a-long-domain.example.com');
  await page.getByRole('button', { name: 'Invite' }).click();
  await look(page, `organization-${colorScheme}`);
  for (const path of ['organizations', 'account', 'account/sessions', 'account/api-keys', 'account/events']) {
    await page.goto(`${site.origin}/${path}`);
    await look(page, `${path.replace('/', '-')}-${colorScheme}`);
  }
  await page.goto(`${site.origin}/account/api-keys`);
  await page.getByLabel('Name').fill('Robot');
  await page.getByLabel('Read your audit log').check();
  await page.getByRole('button', { name: 'Make the key' }).click();
  await look(page, `new-key-${colorScheme}`);
});

it('Nothing is wrong with the pages of the second factor', async () => {
  const { site } = running;
  const page = await browser.newPage();
  await signUp(page, site, 'factor@example.com');
  await signIn(page, site, 'factor@example.com');
  await setUpAuthenticator(page, site);
  await look(page, 'backup-codes');
  await page.goto(`${site.origin}/account/two-factor`);
  await look(page, 'two-factor-on');
  const other = await browser.newPage();
  await enterPassword(other, site, 'factor@example.com');
  await other.getByRole('textbox', { name: 'Code' }).waitFor();
  await look(other, 'second-step');
});
