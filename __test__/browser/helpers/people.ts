/** What people do on the pages of the Express example. */
import { TOTP } from 'otpauth';
import type { Locator, Page } from 'playwright-core';
import type { ExpressSite } from './express-site';

export const PASSWORD = 'correct horse battery';

export async function textOf(element: Locator): Promise<string> {
  return (await element.textContent()) ?? '';
}

export function titleOf(page: Page): Promise<string> {
  return textOf(page.getByRole('heading', { level: 1 }));
}

/** Signs up, opens the link in the mail, and chooses the password. */
export async function signUp(page: Page, site: ExpressSite, email: string, name = 'Ada'): Promise<void> {
  await page.goto(`${site.origin}/sign-up`);
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('E-mail').fill(email);
  await page.getByRole('main').getByRole('button', { name: 'Sign up' }).click();
  await page.getByRole('heading', { name: 'Look into your mails' }).waitFor();
  const [link = ''] = await site.linksTo(email);
  await page.goto(link);
  await page.getByLabel('New password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Set the password' }).click();
  await page.getByText('Your password is set.').waitFor();
}

/** Fills in the first page of signing in. */
export async function enterPassword(page: Page, site: ExpressSite, email: string, password = PASSWORD): Promise<void> {
  await page.goto(`${site.origin}/sign-in`);
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('main').getByRole('button', { name: 'Sign in' }).click();
}

/** Signs in with the password alone. */
export async function signIn(page: Page, site: ExpressSite, email: string): Promise<void> {
  await enterPassword(page, site, email);
  await page.getByRole('heading', { name: 'Welcome' }).waitFor();
}

export async function enterCode(page: Page, code: string): Promise<void> {
  await page.getByRole('textbox', { name: 'Code' }).fill(code);
  await page.getByRole('button', { name: 'Go on' }).click();
}

export interface Authenticator {
  backupCodes: string[];
  /** The code of this moment, or of a later one. */
  code(inMs?: number): string;
}

/** Turns two-factor authentication on for whoever is signed in. */
export async function setUpAuthenticator(page: Page, site: ExpressSite): Promise<Authenticator> {
  await page.goto(`${site.origin}/account/two-factor`);
  await page.getByLabel('Your password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Set it up' }).click();
  const secret = (await textOf(page.locator('#totp-key'))).replaceAll(' ', '');
  const totp = new TOTP({ secret });
  const code = (inMs = 0) => totp.generate({ timestamp: Date.now() + inMs });
  await page.getByRole('textbox', { name: 'Code' }).fill(code());
  await page.getByRole('button', { name: 'Turn it on' }).click();
  await page.getByRole('heading', { name: 'Your backup codes' }).waitFor();
  return { backupCodes: await page.locator('.codes code').allTextContents(), code };
}
