import path from 'node:path';
import type { Page } from 'playwright-core';

const DIRECTORY = path.join(__dirname, '..', '..', '..', 'target', 'screenshots');

/** Writes a picture of the whole page to `target/screenshots/<name>.png`. */
export async function takeScreenshot(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: path.join(DIRECTORY, `${name}.png`), fullPage: true, animations: 'disabled' });
}
