/** What the console makes of requests of any kind, and of options. */
import { createConsole } from '../../console';
import { makeRateLimit } from '../../console/lib/secure/rate';
import { useDatabase } from '../helpers/database';
import { sessionInput, unique, userInput } from '../helpers/fixtures';
import { EVERYTHING, makeConsole, ORIGIN, textOf, Visitor } from './helpers';

const db = useDatabase();
let visitor: Visitor;
beforeAll(async () => {
  visitor = new Visitor(makeConsole(db.storage));
  // It has its cookie before several requests are made at once.
  await visitor.read('/admin/users');
});

const status = async (path: string, init?: RequestInit) => (await visitor.send(path, init)).status;

describe('every response', () => {
  it('is kept nowhere, framed nowhere, and runs nothing that stands in a page', async () => {
    const nobody = new Visitor(visitor.handler, null);
    const responses = await Promise.all([
      ...['/admin', '/admin/users', '/admin/nothing', '/admin/users?after=x', '/elsewhere'].map((path) =>
        visitor.send(path),
      ),
      ...[
        nobody.send('/admin'),
        visitor.send('/admin/sso/create'),
        visitor.post('/admin/sso/create'),
        visitor.post('/admin/events/export'),
      ],
      ...[visitor.send('/admin', { method: 'DELETE' }), visitor.post('/admin/health/sweep')],
    ]);
    for (const { headers } of responses) {
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('x-frame-options')).toBe('DENY');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('referrer-policy')).toBe('same-origin');
      expect(headers.get('cross-origin-opener-policy')).toBe('same-origin');
      expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
      const policy = `${headers.get('content-security-policy')}`;
      for (const rule of ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"]) {
        expect(policy).toContain(rule);
      }
      expect(policy).not.toMatch(/unsafe|data:|https?:|\*/);
    }
  });

  it('but for the style sheet, the script and the icon, which may be kept and hold nothing of anybody', async () => {
    const page = await visitor.read('/admin');
    const paths = [...page.matchAll(/(?:href|src)="(\/admin\/assets\/[^"]+)"/g)].map(([, path]) => `${path}`);
    expect(paths).toHaveLength(3);
    const authorize = jest.fn(() => null);
    const nobody = new Visitor(makeConsole(db.storage, { authorize }), null);
    for (const path of paths) {
      const response = await nobody.send(path);
      expect(response.status).toBe(200);
      expect(response.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
      expect(response.headers.get('content-type')).toMatch(/^(text\/css|text\/javascript|image\/svg\+xml)/);
      expect(response.headers.getSetCookie()).toEqual([]);
      expect(await nobody.send(path, { method: 'HEAD' })).toMatchObject({ status: 200, body: null });
      expect(authorize).not.toHaveBeenCalled();
      expect((await nobody.send(path.replace(/assets\/\w{4}/, 'assets/0000'))).status).toBe(403);
      expect(authorize).toHaveBeenCalledTimes(1);
      authorize.mockClear();
    }
  });
});

it('the cookie is the console’s own, cannot be read by scripts, and stays', async () => {
  const fresh = new Visitor(visitor.handler);
  const first = await fresh.send('/admin/users');
  const [cookie] = first.headers.getSetCookie();
  expect(cookie).toMatch(/^auth-postgres-console=[\w-]{43}; Path=\/admin; HttpOnly; SameSite=Lax; Secure$/);
  expect((await fresh.send('/admin/users')).headers.getSetCookie()).toEqual([]);
  const plain = await visitor.handler(
    new Request('http://localhost/admin', { headers: { 'x-operator': JSON.stringify(EVERYTHING) } }),
  );
  expect(plain.headers.getSetCookie()[0]).not.toContain('Secure');
});

it('a file that fails while it is read ends broken, and onError is told', async () => {
  const type = unique('type');
  await db.query(
    `INSERT INTO auth_events (type, principal_id, data, timestamp)
     SELECT $1, 'p', '{}', now() - interval '1 minute' FROM generate_series(1, 3000)`,
    [type],
  );
  const storage = db.adapter();
  await storage.connect();
  const errors: unknown[] = [];
  const reading = new Visitor(makeConsole(storage, { onError: (error) => errors.push(error) }));
  const response = await reading.post('/admin/events/export', { type });
  await storage.disconnect();
  await expect(response.text()).rejects.toThrow('disconnect');
  expect(errors).toEqual([expect.objectContaining({ code: expect.stringContaining('auth_postgres/') })]);
});

it('HEAD has the headers of GET, and no body', async () => {
  const response = await visitor.send('/admin/users', { method: 'HEAD' });
  expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([
    200,
    'text/html; charset=utf-8',
    '',
  ]);
  expect(await status('/admin/users/nobody', { method: 'HEAD' })).toBe(404);
});

it('other methods are refused with those that there are', async () => {
  for (const method of ['PUT', 'PATCH', 'DELETE', 'OPTIONS', 'POST']) {
    const response = await visitor.send('/admin/users', { method });
    expect([method, response.status, response.headers.get('allow')]).toEqual([method, 405, 'GET, HEAD']);
  }
  expect((await visitor.send('/admin/sso/create')).headers.get('allow')).toBe('POST');
  expect((await visitor.send('/admin/nothing', { method: 'DELETE' })).headers.get('allow')).toBe('GET, HEAD, POST');
});

describe('paths', () => {
  it('have a slash at their end or not', async () => {
    for (const path of ['/admin', '/admin/', '/admin/users', '/admin/users/'])
      expect([path, await status(path)]).toEqual([path, 200]);
  });

  it('outside of the base path and tricks with them lead nowhere', async () => {
    const paths = [
      ...[
        '/',
        '/users',
        '/administrator',
        '/Admin',
        '/admin//users',
        '//admin/users',
        '/admin/users//',
        '/admin;/users',
      ],
      ...[
        '/admin/./../users',
        '/admin/../users',
        '/admin/%2e%2e/users',
        '/admin%2fusers',
        '/admin/%75sers',
        '/admin/users%00',
      ],
      ...[
        '/admin/users/%00',
        '/admin/users/%ff',
        '/admin/users/%E0%A4%A',
        '/admin/users/a%2Fb',
        '/admin/users/..%2f',
        '/admin/users/a;b',
      ],
      ...[
        '/admin/users/~',
        '/admin/users/~!',
        '/admin/users/~YQ',
        '/admin/users/~_w',
        '/admin/users/~AA',
        '/admin/users/~YWIvA',
      ],
      ...[
        `/admin/users/${'a'.repeat(300)}`,
        `/admin/users/~${'A'.repeat(3_000)}`,
        '/admin/assets/x/console.js',
        '/admin/assets/../index.js',
      ],
      ...[
        '/admin/assets/%2e%2e/%2e%2e/package.json',
        '/admin/__proto__',
        '/admin/users/x/__proto__',
        '/admin/outside',
        '/outside',
      ],
    ];
    for (const path of paths) expect([path, await status(path)]).toEqual([path, 404]);
    expect(await status(`/admin/users/${'a'.repeat(5_000)}`)).toBe(414);
  });

  it('at the root are served as well', async () => {
    const root = new Visitor(makeConsole(db.storage, { basePath: '/' }));
    for (const path of ['/', '/users', '/users/']) expect((await root.send(path)).status).toBe(200);
    expect(await root.read('/')).toContain('href="/users"');
    expect((await root.send('/')).headers.getSetCookie().join()).toBe('');
  });
});

describe('cursors, ids and filters', () => {
  it('that nobody has made are refused in words, and are no error of the server', async () => {
    const user = await db.storage.createUser(userInput());
    await db.storage.createSession(sessionInput(user.id));
    const broken = [
      'x',
      '%00',
      '%FF',
      '%C0%AF',
      '%ED%A0%80',
      'A'.repeat(3_000),
      encodeURIComponent('="><b>'),
      '🙂',
      '-1',
    ];
    for (const value of broken) {
      for (const path of [
        'users?after=',
        'organizations?after=',
        'events?after=',
        `users/${user.id}?sessions=`,
        `users/${user.id}?organizations=`,
      ]) {
        const response = await visitor.send(`/admin/${path}${value}`);
        expect([path, value, response.status]).toEqual([path, value, expect.any(Number)]);
        expect([400, 422]).toContain(response.status);
        expect(textOf(await response.text())).toMatch(/makes no sense|not accepted/);
      }
      for (const path of [
        'users?q=',
        'users?plan=',
        'organizations?q=',
        'events?type=',
        'events?principal=',
        'api-keys?principal=',
        'api-keys?prefix=a&last=',
      ]) {
        const found = await status(`/admin/${path}${value}`);
        expect([path, value, [200, 400, 422].includes(found)]).toEqual([path, value, true]);
      }
    }
    expect(await status(`/admin/users?after=${'A'.repeat(9_000)}`)).toBe(414);
  });

  it('belong to their list, to their filters and to their user', async () => {
    const [one, other] = [await db.storage.createUser(userInput()), await db.storage.createUser(userInput())];
    for (let index = 0; index < 11; index++) await db.storage.createSession(sessionInput(one.id));
    const page = await visitor.read(`/admin/users/${one.id}`);
    const sealed = /sessions=([\w-]+)/.exec(page)?.[1];
    expect(await status(`/admin/users/${one.id}?sessions=${sealed}`)).toBe(200);
    expect(await status(`/admin/users/${other.id}?sessions=${sealed}`)).toBe(400);
    const elsewhere = new Visitor(makeConsole(db.storage));
    expect((await elsewhere.send(`/admin/users/${one.id}?sessions=${sealed}`)).status).toBe(400);
  });

  it('that are sent several times count once', async () => {
    expect(await status('/admin/users?q=a&q=b&plan=&plan=')).toBe(200);
    expect(await status('/admin/?range=__proto__')).toBe(200);
    expect(await status('/admin/organizations?q=&after=')).toBe(200);
  });
});

describe('forms', () => {
  const big = 'x'.repeat(70_000);

  it('that are too large are refused before they are read, and while they are read', async () => {
    const headers = { origin: ORIGIN, 'content-type': 'application/x-www-form-urlencoded' };
    const declared = await visitor.send('/admin/sso/create', {
      method: 'POST',
      body: big,
      headers: { ...headers, 'content-length': '70000' },
    });
    expect(declared.status).toBe(413);
    let chunks = 0;
    const endless = new ReadableStream({
      pull(controller) {
        chunks++;
        controller.enqueue(new TextEncoder().encode('y'.repeat(8_192)));
      },
    });
    const streamed = await visitor.send('/admin/sso/create', {
      method: 'POST',
      body: endless,
      headers,
      duplex: 'half',
    });
    expect(streamed.status).toBe(413);
    expect(chunks).toBeLessThan(15);
  });

  it('with broken text, or none, change nothing', async () => {
    for (const body of ['', '%', '%ff%fe', 'token', 'token=%00', '\0\0', '&&&==', 'token=a&token=b']) {
      const headers = { origin: ORIGIN, 'content-type': 'application/x-www-form-urlencoded' };
      expect([body, await status('/admin/sso/create', { method: 'POST', body, headers })]).toEqual([body, 403]);
    }
  });

  it('with fields that the store does not take are refused in words', async () => {
    const user = await db.storage.createUser(userInput());
    for (const fields of [
      { email: 'a\0b' },
      { name: 'x'.repeat(60_000), email: 'x@example.com' },
      { entitlements: 'a\0' },
      { seen: 'yesterday', email: 'x' },
    ]) {
      const response = await visitor.post(`/admin/users/${user.id}/edit`, fields);
      expect([422, 400, 303, 409]).toContain(response.status);
      if (response.status !== 303) expect(textOf(await response.text())).toMatch(/not accepted|makes no sense|faster/);
    }
    for (const [path, fields] of [
      ['organizations/create', { name: '', plan: 'x', seats: '1' }],
      ['organizations/create', { name: 'x', plan: 'x', seats: 'many' }],
      ['organizations/create', { name: 'x', plan: 'x', seats: '3', owner: 'nobody' }],
      ['api-keys/create', { principal: 'nobody', prefix: 'a' }],
      ['api-keys/create', { principal: user.id, prefix: 'a b' }],
      ['api-keys/create', { principal: user.id, days: '-1' }],
      ['sso/create', { type: 'oidc', name: '' }],
      ['sso/create', { type: 'ldap', name: 'x' }],
      [`users/${user.id}/erase`, { events: 'burn' }],
    ] as [string, Record<string, string>][]) {
      const response = await visitor.post(`/admin/${path}`, fields);
      expect([path, response.status >= 400 && response.status < 500]).toEqual([path, true]);
    }
  });

  it('lead back to the page that they were on, if it is one of the console', async () => {
    const back = async (referer: string) => {
      const response = await visitor.post('/admin/api-keys/create', { principal: 'nobody' }, { headers: { referer } });
      return /<a class="button" href="([^"]+)">Back/.exec(await response.text())?.[1];
    };
    expect(await back(`${ORIGIN}/admin/users/x?a=1&b=2`)).toBe('/admin/users/x?a=1&amp;b=2');
    for (const foreign of ['https://evil.example.com/admin/users', `${ORIGIN}/elsewhere`, 'javascript:alert(1)', 'x']) {
      expect(await back(foreign)).toBe('/admin/');
    }
  });

  it('are accepted by another process with the same secret, and by none with another', async () => {
    const secret = 'a secret of thirty-two characters';
    const [one, same, other] = [secret, secret, `${secret}!`].map(
      (each) => new Visitor(makeConsole(db.storage, { secret: each })),
    );
    const user = await db.storage.createUser(userInput());
    const token = await one?.tokenOf('/admin/sso');
    for (const [worker, expected] of [
      [same, 303],
      [other, 403],
    ] as const) {
      if (!worker || !token) throw new Error('There is no worker.');
      worker.cookie = one?.cookie;
      expect((await worker.post(`/admin/users/${user.id}/sessions/revoke-all`, {}, { token })).status).toBe(expected);
    }
  });

  it('come from the origin that the option names, behind a proxy that changes the host', async () => {
    const outside = 'https://console.example.net';
    const proxied = new Visitor(makeConsole(db.storage, { origin: outside }));
    const user = await db.storage.createUser(userInput());
    const path = `/admin/users/${user.id}/sessions/revoke-all`;
    expect((await proxied.post(path, {}, { headers: { origin: outside } })).status).toBe(303);
    expect((await proxied.post(path, {}, { headers: { origin: ORIGIN } })).status).toBe(403);
  });
});

describe('the rate of requests', () => {
  it('is bounded for each operator, with a page that says so, and recovers', async () => {
    const handler = makeConsole(db.storage, { requestsPerMinute: 5 });
    const [busy, calm] = [new Visitor(handler), new Visitor(handler, { name: 'calm@example.com', can: ['read'] })];
    for (let index = 0; index < 5; index++) expect((await busy.send('/admin/users')).status).toBe(200);
    const refused = await busy.send('/admin/users?q=a');
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toBe('12');
    expect(textOf(await refused.text())).toContain(
      'more requests than the console answers in a minute. Try again in 12 s.',
    );
    expect((await busy.post('/admin/health/sweep', {}, { token: 'x' })).status).toBe(429);
    expect((await calm.send('/admin/users')).status).toBe(200);
  });

  it('comes back by and by, and the console forgets operators who are away', () => {
    let now = 0;
    const take = makeRateLimit(60, () => now);
    for (let index = 0; index < 60; index++) expect(take('a')).toBe(0);
    expect(take('a')).toBe(1);
    now += 1_000;
    expect([take('a'), take('a')]).toEqual([0, 1]);
    now += 3_600_000;
    for (let index = 0; index < 60; index++) expect(take('a')).toBe(0);
    expect(take('a')).toBe(1);
    for (let index = 0; index < 10_000; index++) take(`other ${index}`);
    expect(take('a')).toBe(0);
  });
});

describe('createConsole', () => {
  const authorize = () => EVERYTHING;

  it('refuses to start without authorize, and with what it does not know, by a TypeError of one sentence', () => {
    const create =
      (options: object, storage: unknown = db.storage) =>
      () =>
        createConsole(storage as never, options as never);
    expect(create(undefined as never)).toThrow(
      new TypeError('createConsole needs the option authorize: a function that says who may see the console.'),
    );
    expect(create({})).toThrow(TypeError);
    expect(create({ authorize: EVERYTHING })).toThrow(TypeError);
    expect(create({ authorize }, {})).toThrow(
      new TypeError('createConsole needs a PostgresStorageAdapter as its first argument.'),
    );
    expect(create({ authorize, autorize: authorize })).toThrow(
      new TypeError('createConsole has no option "autorize".'),
    );
    for (const basePath of ['admin', '/a b', '/%61', '/a//b', 'https://x', '/../a?', 5])
      expect(create({ authorize, basePath })).toThrow('basePath must be a path such as "/admin".');
    expect(create({ authorize, secret: 'short' })).toThrow('secret must be a string of at least 32 characters.');
    for (const origin of ['example.com', 'https://example.com/', 'https://example.com/x'])
      expect(create({ authorize, origin })).toThrow('origin must be an origin');
    for (const requestsPerMinute of [0, 1.5, Number.NaN, -1])
      expect(create({ authorize, requestsPerMinute })).toThrow('requestsPerMinute must be a whole number from 1 on.');
    expect(create({ authorize, csvRows: 0 })).toThrow('csvRows must be a whole number from 1 on.');
  });

  it('gives a function that knows its base path', () => {
    expect(createConsole(db.storage, { authorize }).basePath).toBe('');
    expect(createConsole(db.storage, { authorize, basePath: '/a/b/' }).basePath).toBe('/a/b');
  });
});

describe('a database that does not answer', () => {
  it('is said without what concerns the server, which onError gets', async () => {
    const storage = db.adapter(
      { connectionTimeoutMillis: 500, maxRetries: 0 },
      'postgres://nobody:hidden@127.0.0.1:1/none',
    );
    const errors: unknown[] = [];
    const broken = new Visitor(makeConsole(storage, { onError: (error) => errors.push(error) }));
    const response = await broken.send('/admin/users');
    expect(response.status).toBeGreaterThanOrEqual(500);
    const text = textOf(await response.text());
    expect(text).toMatch(/did not answer as it should \(\w+\)/);
    expect(text).not.toMatch(/hidden|127\.0\.0\.1|nobody:/);
    expect(errors).toEqual([expect.objectContaining({ code: expect.stringContaining('auth_postgres/') })]);
  });

  it('leaves the rest of the overview when there are too many events to count in time', async () => {
    const slow = Object.create(db.storage, {
      countEvents: {
        value: () => Promise.reject(Object.assign(new Error('slow'), { code: 'auth_postgres/statement_timeout' })),
      },
    });
    expect(textOf(await new Visitor(makeConsole(slow)).read('/admin'))).toContain('could not be counted in time');
  });
});

it('an id that is unique and unknown is found nowhere', async () => {
  const id = unique();
  for (const path of ['users', 'organizations', 'api-keys', 'sso'])
    expect(await status(`/admin/${path}/${id}`)).toBe(404);
});
