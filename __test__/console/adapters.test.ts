/** The console in servers that are built on Node's own requests and responses, and in Next.js. */
import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ConsoleHandler } from '../../console';
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

/** A server that calls the middleware as Express does for `app.use('/admin', …)`. */
async function listen(before: (request: ExpressRequest) => Promise<void> | void = () => undefined): Promise<string> {
  const middleware = expressConsole(handler);
  const server = createServer(async (request: ExpressRequest, response) => {
    request.originalUrl = `${request.url}`;
    request.url = `${request.url}`.replace('/admin', '') || '/';
    request.protocol = 'http';
    await before(request);
    middleware(request, response, (error) => {
      response.statusCode = error ? 500 : 404;
      response.end(error ? `${error}` : 'of the application');
    });
  });
  servers.push(server);
  await new Promise((done) => server.listen(0, '127.0.0.1', () => done(undefined)));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
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

  it('survives broken hosts, paths and bodies', async () => {
    const origin = await listen();
    const { port } = new URL(origin);
    const send = (path: string, headers: Record<string, string>) =>
      new Promise<number | undefined>((done, fail) => {
        const sent = httpRequest({ port, host: '127.0.0.1', path, headers }, (response) => {
          response.resume();
          done(response.statusCode);
        });
        sent.on('error', fail).end();
      });
    expect(await send('/admin', { host: 'a b' })).toBe(400);
    expect(await send('http://evil.example.com/admin', {})).toBe(404);
    expect(await send('/admin/%ff%zz', {})).toBe(404);
    expect(await send('//admin', {})).toBe(404);
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
