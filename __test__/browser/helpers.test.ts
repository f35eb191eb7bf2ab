/** What the other files of this suite rely on. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { chromiumPath } from '../../scripts/test/chromium.cjs';
import { expectAccessible } from './helpers/accessibility';
import { useBrowser } from './helpers/browser';
import { takeScreenshot } from './helpers/screenshot';

const browser = useBrowser();

const PAGE = '<!doctype html><html lang="en"><title>A page</title><main><h1>A page</h1>CONTENT</main></html>';

it('Chromium opens pages in contexts that share no cookies', async () => {
  const [first, second] = await Promise.all([browser.newPage(), browser.newPage()]);
  await first.context().addCookies([{ name: 'a', value: '1', url: 'http://localhost' }]);
  expect(await first.context().cookies()).toHaveLength(1);
  expect(await second.context().cookies()).toEqual([]);
});

it('expectAccessible accepts a page without faults and names the element that has one', async () => {
  const page = await browser.newPage();
  await page.setContent(PAGE.replace('CONTENT', '<p>Some text.</p>'));
  await expectAccessible(page);
  await page.setContent(PAGE.replace('CONTENT', '<input name="email">'));
  await expect(expectAccessible(page)).rejects.toThrow('label');
});

it('takeScreenshot writes a picture into target/screenshots', async () => {
  const page = await browser.newPage();
  await page.setContent(PAGE);
  await takeScreenshot(page, 'helpers');
  expect(existsSync(path.join(__dirname, '..', '..', 'target', 'screenshots', 'helpers.png'))).toBe(true);
});

it('A missing Chromium is reported by one sentence that says what to install', () => {
  const { PATH, CHROMIUM } = process.env;
  try {
    delete process.env.CHROMIUM;
    process.env.PATH = __dirname;
    expect(chromiumPath).toThrow(/^Chromium is missing: on Debian run "apt-get install chromium"/);
    process.env.CHROMIUM = '/nowhere/chrome';
    expect(chromiumPath).toThrow('CHROMIUM is set to /nowhere/chrome, which does not exist.');
  } finally {
    process.env.PATH = PATH;
    if (CHROMIUM === undefined) delete process.env.CHROMIUM;
    else process.env.CHROMIUM = CHROMIUM;
  }
});
