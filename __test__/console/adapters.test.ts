/** The console in servers that are built on Node's own requests and responses, and in Next.js. */
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type RequestListener,
  type RequestOptions,
  type Server,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { runInNewContext } from 'node:vm';
import type { ConsoleHandler, ConsoleOptions } from '../../console';
import { expressConsole } from '../../console/express';
import { fastifyConsole } from '../../console/fastify';
import { nextConsole } from '../../console/next';
import { useDatabase } from '../helpers/database';
import { userInput } from '../helpers/fixtures';
import { EVERYTHING, makeConsole, textOf } from './helpers';

const db = useDatabase();
let handler: ConsoleHandler;
const servers: Server[] = [];
beforeAll(() => {
  handler = makeConsole(db.storage, { authorize: () => EVERYTHING });
});
afterAll(() => Promise.all(servers.map((server) => new Promise((done) => server.close(done).closeAllConnections()))));

type ExpressRequest = IncomingMessage & { originalUrl?: string; protocol?: string; body?: unknown };

async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  servers.push(server);
  await new Promise((done) => server.listen(0, '127.0.0.1', () => done(undefined)));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A server that calls the middleware as Express does for `app.use('/admin', …)`. */
function listen(
  before: (request: ExpressRequest) => Promise<void> | void = () => undefined,
  middleware = expressConsole(handler),
): Promise<string> {
  return serve(async (request: ExpressRequest, response) => {
    request.originalUrl = `${request.url}`;
    request.url = `${request.url}`.replace('/admin', '') || '/';
    request.protocol = 'http';
    await before(request);
    const next = (error?: unknown) => {
      response.statusCode = error ? 500 : 404;
      response.end(error ? `of Express: ${error}` : 'of the application');
    };
    try {
      middleware(request, response, next);
    } catch (error) {
      next(error);
    }
  });
}

type FastifyHandler = (request: object, reply: object) => Promise<void>;

/** A server that calls the plugin's handler as Fastify does: once a reply is hijacked, what it throws is logged only. */
async function listenAsFastify(served = handler): Promise<string> {
  let answer: FastifyHandler | undefined;
  await fastifyConsole(served)({
    removeAllContentTypeParsers: () => undefined,
    addContentTypeParser: () => undefined,
    route: ({ handler: found }: { handler: FastifyHandler }) => {
      answer = found;
    },
  });
  return serve((request, response) => {
    answer?.({ raw: request, protocol: 'http' }, { raw: response, hijack: () => undefined }).catch(() => undefined);
  });
}

/** A server of requests of the web, whose errors get no answer. */
function serveWeb(answer: (request: Request) => Promise<Response>): Promise<string> {
  return serve(async ({ url }, response) => {
    const answered = await answer(new Request(`http://localhost${url}`)).catch(() => undefined);
    if (answered) response.writeHead(answered.status).end(await answered.text());
  });
}

/** The status and text that a request gets, which may be one that `fetch` does not send. */
function ask(origin: string, options: RequestOptions, body = ''): Promise<string> {
  return new Promise((done, fail) => {
    const sent = httpRequest(origin, { path: '/admin', timeout: 2_000, ...options }, async (response) => {
      const chunks = await response.toArray();
      done(`${response.statusCode} ${textOf(Buffer.concat(chunks).toString())}`.trim());
    });
    sent.on('timeout', () => sent.destroy(new Error('There was no answer.')));
    sent.on('error', fail).end(body);
  });
}

/** Revokes all sessions of a new user, as a browser would. */
async function revoke(origin: string): Promise<Response> {
  const user = await db.storage.createUser(userInput());
  const page = await fetch(`${origin}/admin/users/${user.id}`);
  const token = `${/name="token" value="([^"]+)"/.exec(await page.text())?.[1]}`;
  return fetch(`${origin}/admin/users/${user.id}/edit`, {
    ...{ method: 'POST', redirect: 'manual', body: new URLSearchParams({ token, name: 'Ärger & "Söhne"', email: '' }) },
    headers: { origin, cookie: `${page.headers.getSetCookie()[0]?.split(';')[0]}` },
  });
}

describe('expressConsole', () => {
  it('serves pages and forms below the path where it is mounted', async () => {
    const origin = await listen();
    const page = await fetch(`${origin}/admin/users`);
    expect([page.status, page.headers.get('cache-control')]).toEqual([200, 'no-store']);
    const response = await revoke(origin);
    expect(response.status).toBe(303);
    expect(textOf(await (await fetch(`${origin}${response.headers.get('location')}`)).text())).toContain(
      'Ärger & "Söhne"',
    );
  });

  it.each([
    ['an object', (text: string) => Object.fromEntries(new URLSearchParams(text))],
    ['a buffer', (text: string) => Buffer.from(text)],
    ['a string', (text: string) => text],
  ])('accepts a form that a parser has made %s of', async (_name, parse) => {
    const origin = await listen(async (request) => {
      if (request.method !== 'POST') return;
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      request.body = parse(Buffer.concat(chunks).toString());
    });
    const response = await revoke(origin);
    expect(response.status).toBe(303);
    expect(textOf(await (await fetch(`${origin}${response.headers.get('location')}`)).text())).toContain(
      'Ärger & "Söhne"',
    );
  });

  it('leaves what is not below its base path to the application', async () => {
    const origin = await listen();
    for (const path of ['/other', '/administrator'])
      expect(await (await fetch(`${origin}${path}`)).text()).toBe('of the application');
  });

  it('survives broken paths', async () => {
    const origin = await listen();
    const status = async (path: string) => (await ask(origin, { path })).slice(0, 3);
    expect(await status('http://evil.example.com/admin')).toBe('404');
    expect(await status('/admin/%ff%zz')).toBe('404');
    expect(await status('//admin')).toBe('404');
    expect((await fetch(`${origin}/admin/users`)).status).toBe(200);
  });

  it('ends the reading of events when the browser goes away', async () => {
    const origin = await listen();
    await Promise.all(
      Array.from({ length: 4_000 }, () =>
        db.storage.emitEvent({
          type: 'bulk',
          principalId: 'p',
          data: { text: 'x'.repeat(500) },
          timestamp: new Date(),
        }),
      ),
    );
    const page = await fetch(`${origin}/admin/events`);
    const token = `${/name="token" value="([^"]+)"/.exec(await page.text())?.[1]}`;
    const going = new AbortController();
    const response = await fetch(`${origin}/admin/events/export`, {
      ...{ method: 'POST', body: new URLSearchParams({ token }), signal: going.signal },
      headers: { origin, cookie: `${page.headers.getSetCookie()[0]?.split(';')[0]}` },
    });
    const reader = response.body?.getReader();
    await reader?.read();
    going.abort();
    await expect(reader?.read()).rejects.toThrow();
    expect((await fetch(`${origin}/admin/users`)).status).toBe(200);
  });
});

describe('what is no request of the web is refused, and nobody else gets it', () => {
  const parsed = (request: ExpressRequest) => {
    if (request.method === 'POST') request.body = { token: { toString: null } };
    return new Promise<void>((done) => request.on('end', done).resume());
  };

  it.each([
    'a b',
    'a:b@localhost',
    'a@localhost',
    'localhost:99999',
    '[',
    '',
    'localhost/admin/users?',
    'x\\\\y',
    'x#',
  ])('with the host "%s"', async (host) => {
    for (const origin of [await listen(), await listenAsFastify()])
      expect(await ask(origin, { headers: { host }, setHost: false })).toBe('400');
  });

  it('with a method that is forbidden there', async () => {
    for (const origin of [await listen(), await listenAsFastify()])
      expect(await ask(origin, { method: 'TRACE' })).toBe('400');
  });

  it('with a body of which a parser has made what is no form', async () => {
    expect(await ask(await listen(parsed), { method: 'POST', path: '/admin/sso/create' }, 'x')).toBe('400');
  });
});

describe.each<[string, (served: ConsoleHandler) => Promise<string>]>([
  ['Express', (served) => listen(undefined, expressConsole(served))],
  ['Fastify', listenAsFastify],
  ['Next.js', (served) => serveWeb(nextConsole(served).GET)],
  ['Hono and others', serveWeb],
])('whatever is thrown, %s answers with an error, and nobody else gets the request', (_name, mount) => {
  /** What comes back, and what `onError` got. */
  async function thrown(error: unknown, onError?: ConsoleOptions['onError']) {
    const got: unknown[] = [];
    const served = makeConsole(db.storage, {
      authorize: () => Promise.reject(error),
      onError: (...args) => {
        got.push(args[0]);
        return onError?.(...args);
      },
    });
    return { answer: await ask(await mount(served), {}), got };
  }
  const page = expect.stringMatching(/^500 .*Something went wrong/);

  it.each<[string, unknown]>([
    ['an error', new Error('x')],
    ['an error of another realm', runInNewContext('new Error("x")')],
    ['a text', 'no session'],
    ['nothing', undefined],
    ['null', null],
    ['an object', { status: 401 }],
    ['an object without a prototype', Object.create(null)],
    ['an object with an odd code', { code: Object.create(null) }],
  ])('for %s', async (_what, error) => {
    expect(await thrown(error)).toEqual({ answer: page, got: [error] });
  });

  it('when onError throws or rejects, too, which is logged beside what it was for', async () => {
    const log = jest.spyOn(console, 'error').mockImplementation(() => undefined);
    const [error, failure] = [new Error('first'), new Error('second')];
    for (const onError of [
      () => Promise.reject(failure) as never,
      () => {
        throw failure;
      },
    ]) {
      expect((await thrown(error, onError)).answer).toEqual(page);
      expect(log).toHaveBeenLastCalledWith(error, failure);
    }
    log.mockRestore();
  });
});

it('fastifyConsole asks for routes below the base path, and reads forms itself', async () => {
  const routes: { method: string[]; url: string }[] = [];
  const parsers: string[] = [];
  let removed = 0;
  await fastifyConsole(handler)({
    removeAllContentTypeParsers: () => removed++,
    addContentTypeParser: (type: string) => parsers.push(type),
    route: (route: { method: string[]; url: string }) => routes.push(route),
  });
  expect(routes.map(({ method, url }) => [method.join(), url])).toEqual([
    ['GET,HEAD,POST', '/admin'],
    ['GET,HEAD,POST', '/admin/*'],
  ]);
  expect([removed, parsers]).toEqual([1, ['*']]);
});

it('nextConsole gives the handlers of a route', async () => {
  const { GET, POST } = nextConsole(handler);
  expect((await GET(new Request('https://x.example.com/admin/users'))).status).toBe(200);
  expect((await POST(new Request('https://x.example.com/admin/sso/create', { method: 'POST' }))).status).toBe(403);
});
