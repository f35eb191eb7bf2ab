/** The console as a browser sees it, without a browser: one visitor for each operator, who keeps the cookie. */
import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { type ConsoleHandler, type ConsoleOptions, createConsole, type Operator } from '../../console';
import type { TestDatabase } from '../helpers/database';

export const ORIGIN = 'https://admin.example.com';
const OPERATOR_HEADER = 'x-operator';

export const EVERYTHING: Operator = { name: 'grace@example.com', can: ['*'] };

/** A console whose operator stands in a header of the request, as the session of an application would. */
export function makeConsole(storage: PostgresStorageAdapter, options: Partial<ConsoleOptions> = {}): ConsoleHandler {
  return createConsole(storage, {
    basePath: '/admin',
    authorize: (request) => JSON.parse(request.headers.get(OPERATOR_HEADER) ?? 'null'),
    requestsPerMinute: 100_000,
    ...options,
  });
}

/** What is sent beside a form, and what is left out of it. */
export interface PostOptions {
  headers?: Record<string, string>;
  /** Default: the token of a page of this visitor. `null` sends none. */
  token?: string | null;
  /** Answers the question of an action. Default: `true`. */
  confirmed?: boolean;
  cookie?: string | null;
}

export class Visitor {
  cookie: string | undefined;
  private token: string | undefined;

  constructor(
    readonly handler: ConsoleHandler,
    readonly operator: Operator | null = EVERYTHING,
  ) {}

  /** Sends a request with whatever is given. */
  async send(path: string, init: RequestInit & { duplex?: 'half' } = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.operator) headers.set(OPERATOR_HEADER, JSON.stringify(this.operator));
    if (this.cookie && !headers.has('cookie')) headers.set('cookie', this.cookie);
    const response = await this.handler(new Request(`${ORIGIN}${path}`, { redirect: 'manual', ...init, headers }));
    const [cookie] = response.headers.getSetCookie();
    if (cookie) this.cookie = cookie.split(';')[0];
    return response;
  }

  /** The text of a page, which must be there. */
  async read(path: string): Promise<string> {
    const response = await this.send(path);
    const text = await response.text();
    if (response.status !== 200) throw new Error(`${path} has the status ${response.status}: ${text}`);
    return text;
  }

  /** The token of a page that has a form for the operator. */
  async tokenOf(path = '/admin/health'): Promise<string> {
    const page = await this.read(path);
    const found = /name="token" value="([^"]+)"/.exec(page)?.[1];
    if (!found) throw new Error(`${path} has no form.`);
    return found;
  }

  /** Sends a form as a page of the console would. */
  async post(path: string, fields: Record<string, string> = {}, options: PostOptions = {}): Promise<Response> {
    const { headers, confirmed = true, cookie } = options;
    this.token ??= options.token === undefined ? await this.tokenOf('/admin/sso') : undefined;
    const token = options.token === undefined ? this.token : options.token;
    const body = new URLSearchParams({
      ...(token && { token }),
      ...(confirmed && { confirmed: 'yes' }),
      ...fields,
    });
    return this.send(path, {
      method: 'POST',
      body,
      headers: {
        origin: ORIGIN,
        ...(cookie !== undefined && { cookie: cookie ?? '' }),
        ...headers,
      },
    });
  }
}

/** An id in a path of the console. */
export function segment(id: string): string {
  return /^[\w-]{1,255}$/.test(id) ? id : `~${Buffer.from(id).toString('base64url')}`;
}

/** The text of a page as a reader sees it, without tags. */
export function textOf(page: string): string {
  return page
    .replace(/<svg[\s\S]*?<\/svg>/g, ' ')
    .replace(/<[^>]+>/g, ' ')
    .replaceAll('&#39;', "'")
    .replaceAll('&quot;', '"')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
    .replace(/\s+/g, ' ');
}

/** Everything that is stored, but for migrations. */
export async function snapshotOf(db: TestDatabase): Promise<unknown> {
  const tables = await db.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition
       AND relnamespace = 'public'::regnamespace`,
  );
  const parts = tables.map(
    ({ name }) => `SELECT '${name}', count(*), md5(string_agg(t::text, ',' ORDER BY t::text)) FROM "${name}" t`,
  );
  return db.query(parts.join(' UNION ALL '));
}
