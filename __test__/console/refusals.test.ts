/** Who gets nothing: whoever is not authorized, may not do it, or does not come from a page of the console. */

import type { Permission } from '../../console';
import { ACTIONS } from '../../console/lib/actions';
import { PAGES } from '../../console/lib/pages';
import { useDatabase } from '../helpers/database';
import { ACTION_CASES } from './action-cases';
import { EVERYTHING, makeConsole, ORIGIN, type PostOptions, snapshotOf, Visitor } from './helpers';

const db = useDatabase();
let visitor: Visitor;
beforeAll(() => {
  visitor = new Visitor(makeConsole(db.storage, { onError: () => undefined }));
});

const ALL: Permission[] = [...new Set(ACTIONS.map(({ permission }) => permission)), 'read'];
/** A path of each page, where nothing has to be. */
const PATHS = PAGES.map(({ path }) => `/admin${path.replace(/:\w+/g, 'x')}`);

describe.each(ACTION_CASES)('the action of $event', ({ permission, prepare }) => {
  it('changes nothing and leaves no event, whatever is wrong with a request', async () => {
    const { path, fields } = await prepare(db.storage, visitor);
    const token = await visitor.tokenOf('/admin/sso');
    const other = new Visitor(visitor.handler, { ...EVERYTHING, name: 'mallory@example.com' });
    const othersToken = await other.tokenOf('/admin/sso');
    const before = await snapshotOf(db);

    const withoutPermission = new Visitor(visitor.handler, {
      ...{ name: EVERYTHING.name, can: ALL.filter((each) => each !== permission) },
    });
    withoutPermission.cookie = visitor.cookie;
    const onlyPermission = new Visitor(visitor.handler, { name: EVERYTHING.name, can: [permission] });
    onlyPermission.cookie = visitor.cookie;
    const nobody = new Visitor(visitor.handler, null);
    nobody.cookie = visitor.cookie;
    const url = `/admin${path}`;
    const post = (options: PostOptions) => visitor.post(url, fields, { token, ...options });
    const query = new URLSearchParams({ ...fields, token, confirmed: 'yes' });

    const statuses = {
      nobody: (await nobody.post(url, fields, { token })).status,
      'without the permission': (await withoutPermission.post(url, fields, { token })).status,
      'without the permission to read': (await onlyPermission.post(url, fields, { token })).status,
      'without a token': (await post({ token: null })).status,
      'with another’s token': (await post({ token: othersToken })).status,
      'with another’s token and cookie': (await post({ token: othersToken, cookie: `${other.cookie}` })).status,
      'with a made-up token': (await post({ token: 'A'.repeat(43) })).status,
      'without the cookie': (await post({ cookie: null })).status,
      'with another cookie': (await post({ cookie: `auth-postgres-console=${'A'.repeat(43)}` })).status,
      'from another origin': (await post({ headers: { origin: 'https://evil.example.com' } })).status,
      'from no origin': (await post({ headers: { origin: 'null' } })).status,
      'from another site': (await post({ headers: { 'sec-fetch-site': 'cross-site' } })).status,
      'from a neighbour': (await post({ headers: { 'sec-fetch-site': 'same-site' } })).status,
      'with a GET': (await visitor.send(`${url}?${query}`)).status,
      'with a HEAD': (await visitor.send(`${url}?${query}`, { method: 'HEAD' })).status,
      'with a PUT': (await visitor.send(url, { method: 'PUT', body: query, headers: { origin: ORIGIN } })).status,
      'as JSON': (await post({ headers: { 'content-type': 'application/json' } })).status,
      'as text': (await post({ headers: { 'content-type': 'text/plain' } })).status,
    };
    expect(statuses).toEqual({
      nobody: 403,
      'without the permission': 403,
      'without the permission to read': 403,
      'without a token': 403,
      'with another’s token': 403,
      'with another’s token and cookie': 403,
      'with a made-up token': 403,
      'without the cookie': 403,
      'with another cookie': 403,
      'from another origin': 403,
      'from no origin': 403,
      'from another site': 403,
      'from a neighbour': 403,
      'with a GET': 405,
      'with a HEAD': 405,
      'with a PUT': 405,
      'as JSON': 415,
      'as text': 415,
    });
    expect(await snapshotOf(db)).toEqual(before);
  });
});

describe('somebody whom authorize refuses', () => {
  it.each([
    ['null', () => null],
    ['undefined', () => undefined],
    ['a promise of null', async () => null],
  ])('as %s sees no page, and nothing of the store', async (_name, authorize) => {
    const handler = makeConsole(db.storage, { authorize });
    for (const path of [...PATHS, '/admin/nothing', '/elsewhere']) {
      const response = await handler(new Request(`${ORIGIN}${path}`));
      const page = await response.text();
      expect([path, response.status]).toEqual([path, 403]);
      expect(page).toContain('You are not signed in as somebody who may use this console.');
      expect(page).not.toContain('<nav');
      expect(response.headers.getSetCookie()).toEqual([]);
    }
  });

  it('is sent to signInUrl, but a form is answered with a page that leads there', async () => {
    const handler = makeConsole(db.storage, { authorize: () => null, signInUrl: 'https://id.example.com/?a=1&b=2' });
    const page = await handler(new Request(`${ORIGIN}/admin/users`));
    expect([page.status, page.headers.get('location'), await page.text()]).toEqual([
      303,
      'https://id.example.com/?a=1&b=2',
      '',
    ]);
    const form = await handler(
      new Request(`${ORIGIN}/admin/sso/create`, { method: 'POST', body: new URLSearchParams() }),
    );
    expect(form.status).toBe(403);
    expect(await form.text()).toContain('href="https://id.example.com/?a=1&amp;b=2"');
  });
});

it('somebody who may not read sees no page', async () => {
  const other = new Visitor(visitor.handler, { name: 'x', can: ALL.filter((each) => each !== 'read') });
  for (const path of [...PATHS, '/admin/nothing']) {
    const response = await other.send(path);
    expect([path, response.status]).toEqual([path, 403]);
    expect(await response.text()).not.toContain('<nav');
  }
});

it('somebody who may only read is offered no form that changes anything', async () => {
  const { storage } = db;
  const prepared = await Promise.all(ACTION_CASES.map(({ prepare }) => prepare(storage, visitor)));
  const reader = new Visitor(visitor.handler, { name: 'reader@example.com', can: ['read'] });
  const [user, organization] = [
    (await storage.listUsers({ limit: 1 })).items[0],
    (await storage.listOrganizations({ limit: 1 })).items[0],
  ];
  const [provider] = await storage.listSSOProviders();
  const paths = [
    `/users/${user?.id}`,
    `/organizations/${organization?.id}`,
    `/sso/${provider?.id}`,
    '/users',
    '/events',
    '/sso',
    '/organizations',
    '/api-keys',
    '/health',
  ];
  for (const path of paths) expect(await reader.read(`/admin${path}`)).not.toContain('method="post"');
  expect(prepared).toHaveLength(ACTIONS.length);
});

it.each([
  ['no object', 'yes'],
  ['a name that is no text', { name: 5, can: ['*'] }],
  ['an empty name', { name: '', can: ['*'] }],
  ['no list of permissions', { name: 'x', can: '*' }],
  ['a permission that does not exist', { name: 'x', can: ['everything'] }],
])('a mistake of authorize is an error and no right: %s', async (_name, found) => {
  const errors: unknown[] = [];
  const handler = makeConsole(db.storage, {
    authorize: () => found as never,
    onError: (error) => errors.push(error),
  });
  const response = await handler(new Request(`${ORIGIN}/admin/users`));
  expect(response.status).toBe(500);
  expect(await response.text()).not.toContain('<nav');
  expect(errors).toEqual([expect.any(TypeError)]);
});

it('an error that authorize throws is told to onError and shows nothing', async () => {
  const errors: unknown[] = [];
  const handler = makeConsole(db.storage, {
    authorize: () => Promise.reject(new Error('the session store is down')),
    onError: (error) => errors.push(error),
  });
  const response = await handler(new Request(`${ORIGIN}/admin/users`));
  expect(response.status).toBe(500);
  expect(await response.text()).not.toContain('session store');
  expect(errors).toEqual([new Error('the session store is down')]);
});

it('authorize is asked for every request, so that a right that was taken away is gone at once', async () => {
  let isAllowed = true;
  const handler = makeConsole(db.storage, { authorize: () => (isAllowed ? EVERYTHING : null) });
  const ask = async () => (await handler(new Request(`${ORIGIN}/admin/users`))).status;
  expect(await ask()).toBe(200);
  isAllowed = false;
  expect(await ask()).toBe(403);
});
