import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { chromiumPath } from '../../../scripts/test/chromium.cjs';

export interface TestBrowser {
  /**
   * Opens a page in a context of its own, so that it has no cookies of any other. The context ends with the file's last
   * test, or when the test closes it.
   */
  newPage(options?: BrowserContextOptions): Promise<Page>;
}

/**
 * Gives the test file (or the `describe` block) a browser; call it at the top level. A test fails if a page of it reported
 * an error of a script, or something that its Content-Security-Policy forbids.
 */
export function useBrowser(): TestBrowser {
  let browser: Browser | undefined;
  let problems: string[] = [];

  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: chromiumPath(),
      headless: true,
      // Chromium's sandbox refuses to work for root, and containers have a small /dev/shm.
      args: [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), '--disable-dev-shm-usage'],
    });
  }, 60_000);

  beforeEach(() => {
    problems = [];
  });

  afterEach(() => expect(problems).toEqual([]));

  afterAll(() => browser?.close());

  return {
    async newPage(options) {
      if (!browser) throw new Error('A page can be opened in hooks and tests only.');
      const context = await browser.newContext(options);
      context.setDefaultTimeout(15_000);
      const page = await context.newPage();
      page.on('pageerror', (error) => problems.push(`${page.url()}: ${error.message}`));
      page.on('console', (message) => {
        // An answer with the status of an error is reported as well, and is for the test to look at.
        const isProblem = message.type() === 'error' && !message.text().startsWith('Failed to load resource');
        if (isProblem) problems.push(`${page.url()}: ${message.text()}`);
      });
      return page;
    },
  };
}
