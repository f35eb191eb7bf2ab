import { freePort } from '../../../scripts/test/postgres-server.cjs';
import { Application } from '../../helpers/application';

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
  private constructor(
    readonly origin: string,
    private readonly application: Application,
  ) {}

  /** Starts it, and resolves when it takes requests. Rejects with what it has printed if it ends before. */
  static async start({ databaseUrl, env = {}, args = ['--import', 'tsx', 'src/main.ts'] }: SiteOptions) {
    const port = await freePort();
    const origin = `http://localhost:${port}`;
    const application = await Application.start({
      ...{ name: 'express', args, ready: /The site is at (\S+)/ },
      env: {
        ...{ NODE_ENV: 'production', PORT: String(port), HOST: 'localhost', SITE_URL: origin },
        ...{ ...(databaseUrl && { DATABASE_URL: databaseUrl }), ...SETTINGS, ...env },
      },
    });
    return new ExpressSite(origin, application);
  }

  /** What it has printed so far. */
  get output(): string {
    return this.application.output;
  }

  get ended(): Promise<number | null> {
    return this.application.ended;
  }

  /** Sends a signal; resolves with the exit code. */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    return this.application.stop(signal);
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
