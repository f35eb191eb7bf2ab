/**
 * Makes the pictures of docs/console.md anew, from a server of its own: `node scripts/build/console-screenshots.mjs`. It needs
 * Chromium, as `npm run test:browser` does.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import consolePackage from '../../console/index.js';
import local from '../../console/lib/cli/serve.js';
import store from '../../index.js';
import browserPath from '../test/chromium.cjs';
import data from '../test/console-data.cjs';
import postgres from '../test/postgres-server.cjs';
import { ROOT } from './inputs.mjs';

const SIZE = { width: 1200, height: 860 };
const MOST_BYTES = 150_000;

const server = await postgres.startPostgres();
const storage = new store.PostgresStorageAdapter(server.url);
await storage.connect();
await data.fillConsole(storage);
await storage.sweep({ kinds: ['emailVerificationTokens'] });
// Numbers as of a process that has served for a while.
for (let round = 0; round < 40; round++)
  await Promise.all(Array.from({ length: 25 }, () => storage.listUsers({ limit: 20 })));

const handler = consolePackage.createConsole(storage, {
  title: 'Shop, production',
  authorize: () => ({ name: 'grace@example.com', can: ['*'] }),
});
const web = await local.listenWith(handler, 0);
const { port } = /** @type {import('node:net').AddressInfo} */ (web.address());
const browser = await chromium.launch({
  executablePath: browserPath.chromiumPath(),
  args: [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), '--disable-dev-shm-usage'],
});
try {
  for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
    const page = await browser.newPage({ viewport: SIZE, colorScheme });
    await page.goto(`http://127.0.0.1:${port}/`);
    const path = join(ROOT, 'docs', `console-${colorScheme}.png`);
    await page.screenshot({ path, animations: 'disabled' });
    const { size } = statSync(path);
    console.log(`${path}: ${size} bytes`);
    if (size > MOST_BYTES) throw new Error(`${path} has ${size} bytes; ${MOST_BYTES} are allowed.`);
  }
} finally {
  await browser.close();
  web.close();
  web.closeAllConnections();
  await storage.disconnect();
  await server.stop();
}
