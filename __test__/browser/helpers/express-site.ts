import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { freePort } from '../../../scripts/test/postgres-server.cjs';

const EXAMPLE = path.join(__dirname, '..', '..', '..', 'examples', 'express');

export const ADMIN = 'admin@example.com';
/** What the site needs beside DATABASE_URL. */
export const SETTINGS = {
  SECRET: 'thirty-two characters of a test, at least',
  ADMIN_EMAILS: `${ADMIN}, kim@example.com`,
};

export interface SiteOptions {
  /** Default: none, so that what starts the site has to bring one. */
  databaseUrl?: string;
  env?: Record<string, string>;
  /** Arguments of node. Default: those of `npm run serve`. */
  args?: string[];
}

/** The example in a process of its own. */
export class ExpressSite {
  /** What it has printed so far. */
  output = '';
  readonly ended: Promise<number | null>;

  private constructor(
    readonly origin: string,
    private readonly child: ChildProcess,
  ) {
    this.ended = new Promise((resolve) => child.once('close', resolve));
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
      });
    }
  }

  /** Starts it, and resolves when it takes requests. Rejects with what it has printed if it ends before. */
  static async start({ databaseUrl, env = {}, args = ['--import', 'tsx', 'src/main.ts'] }: SiteOptions) {
    const port = await freePort();
    const origin = `http://localhost:${port}`;
    const child = spawn(process.execPath, args, {
      cwd: EXAMPLE,
      env: {
        ...{ ...process.env, NODE_ENV: 'production', NODE_OPTIONS: '', PORT: String(port), HOST: 'localhost' },
        ...{ ...(databaseUrl && { DATABASE_URL: databaseUrl }), SITE_URL: origin, ...SETTINGS, ...env },
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const site = new ExpressSite(origin, child);
    let hasEnded = false;
    void site.ended.then(() => {
      hasEnded = true;
    });
    while (!site.output.includes('The site is at')) {
      if (hasEnded) throw new Error(`The site has ended:\n${site.output}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return site;
  }

  /** Sends a signal; resolves with the exit code. */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.child.kill(signal);
    return this.ended;
  }

  /** The links in the mails to an address, the newest first. */
  async linksTo(email: string): Promise<string[]> {
    const page = await (await fetch(`${this.origin}/mails`)).text();
    return page
      .split('<article')
      .filter((mail) => mail.includes(`To ${email}<`))
      .map((mail) => (/href="([^"]+)"/.exec(mail)?.[1] ?? '').replaceAll('&amp;', '&'));
  }
}

/** Runs the site for the tests of the file, with the database that `useDatabase` gives it. */
export function useExpressSite(database: { url: string }): { readonly site: ExpressSite } {
  let site: ExpressSite | undefined;
  beforeAll(async () => {
    site = await ExpressSite.start({ databaseUrl: database.url });
  }, 60_000);
  afterAll(() => site?.stop());
  return {
    get site() {
      if (!site) throw new Error('The site runs in hooks and tests only.');
      return site;
    },
  };
}
