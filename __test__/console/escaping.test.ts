/** What may not get out of the store: markup as markup, and secrets at all. */
import { html } from '../../console/lib/html/html';
import { useDatabase } from '../helpers/database';
import { makeScene } from '../helpers/every-method';
import { inAnHour, memberInput, samlProviderInput, sessionInput } from '../helpers/fixtures';
import { makeConsole, segment, Visitor } from './helpers';

const db = useDatabase();
let visitor: Visitor;
/** Every text that was put into the store, by what it is. */
const texts = new Map<string, string[]>();
let count = 0;

/** A text that does something if it is not escaped, in a tag, in an attribute and in JSON. */
function markup(what: string): string {
  const text = `"'><script>alert(${++count})</script><img src=x onerror='${what}'>&amp;\${7*7}</title></textarea>`;
  texts.set(what, [...(texts.get(what) ?? []), text]);
  return text;
}

/** What opens something or proves something, by the names that the scene has for it. */
const SECRETS = [
  'hash',
  'passwordHash',
  'code',
  'codeHash',
  'secret',
  'verification',
  'token',
  'session',
  'sessionId',
  'tokenId',
];
let pages: { path: string; text: string }[];
let secrets: string[];

beforeAll(async () => {
  const { storage } = db;
  visitor = new Visitor(makeConsole(storage, { title: markup('title') }), { name: markup('operator'), can: ['*'] });
  const scene = await makeScene(storage, markup);
  const { userId, orgId, roleId, providerId } = scene;
  await storage.setPasswordHash(userId, markup('passwordHash'));
  await storage.updateOrganization(orgId, { members: [memberInput(userId)] });
  await storage.assignRoleToUser(userId, roleId, orgId);
  await storage.updateRole(roleId, {
    permissions: [
      {
        id: markup('id'),
        name: markup('name'),
        description: markup('text'),
        resource: markup('resource'),
        action: markup('action'),
      },
    ],
  });
  // Enough sessions for a second page, whose cursor holds the id of one.
  for (let index = 0; index < 12; index++)
    await storage.createSession(sessionInput(userId, { id: markup('sessionId'), orgId }));
  const saml = await storage.createSSOProvider(
    samlProviderInput({
      ...{ id: markup('id'), name: markup('name'), orgId, idp_entity_id: markup('entity'), idp_sso_url: markup('url') },
      ...{ sp_entity_id: markup('entity'), signing_key: markup('secret'), signing_cert: markup('cert') },
      ...{ further_secret: markup('secret'), metadata: { [markup('key')]: markup('value') } },
    }),
  );
  await storage.linkOAuthAccount(userId, markup('provider'), {
    ...{
      provider: `${texts.get('provider')?.at(-1)}`,
      sub: markup('sub'),
      email: markup('email'),
      name: markup('name'),
    },
  });
  const key = await storage.createApiKey({
    ...{ principalId: userId, hash: markup('hash'), prefix: markup('prefix'), lastFour: '<b>!', expiresAt: inAnHour() },
    ...{ scopes: [markup('scope')], metadata: { name: markup('name'), secret: markup('secret') } },
  });
  await storage.createEmailVerificationToken({
    ...{ id: markup('tokenId'), email: scene.email, code: markup('code'), codeHash: markup('codeHash') },
    ...{ type: 'reset_password', expiresAt: inAnHour() },
  });
  const type = markup('type');
  const data = {
    [markup('key')]: markup('value'),
    password: markup('secret'),
    list: [{ token: markup('token'), x: markup('value') }],
  };
  await storage.emitEvent({ type, principalId: userId, orgId, data, timestamp: new Date() });
  await storage.emitEvent({
    type,
    principalId: markup('principal'),
    orgId: markup('org'),
    data,
    timestamp: new Date(),
  });

  const [user, organization, role] = [segment(userId), segment(orgId), segment(roleId)];
  const filter = encodeURIComponent(markup('filter'));
  const paths = [
    ...[
      '/',
      '/?range=month',
      '/users',
      `/users?q=${filter}&plan=${filter}`,
      `/users?q=${encodeURIComponent(scene.email)}`,
    ],
    ...[`/users/${user}`, '/organizations', `/organizations?q=${filter}`, `/organizations/${organization}`],
    ...[`/organizations/${organization}/roles/${role}`, `/api-keys?principal=${encodeURIComponent(userId)}`],
    ...[
      `/api-keys?prefix=${filter}&last=${filter}`,
      `/api-keys/${segment(key.id)}`,
      '/sso',
      `/sso/${segment(providerId)}`,
    ],
    ...[`/sso/${segment(saml.id)}`, '/events', `/events?type=${filter}&principal=${filter}&org=${filter}`, '/health'],
    ...[
      `/events?from=${filter}`,
      `/users?after=${filter}`,
      `/users/${user}?sessions=${filter}`,
      `/users/${user}?done=${filter}`,
    ],
    ...[`/users/${segment(markup('id'))}`, `/${filter}`, `/events?type=${encodeURIComponent(type)}`],
  ];
  pages = [];
  for (const path of paths) pages.push({ path, text: await (await visitor.send(`/admin${path}`)).text() });
  const next = /href="([^"]*sessions=[^"]+)"/.exec(`${pages.find(({ path }) => path === `/users/${user}`)?.text}`)?.[1];
  pages.push({ path: 'sessions', text: await visitor.read(`${next}`) });
  // The questions and the refusals of actions.
  const posts: [string, Record<string, string>, boolean][] = [
    [`/users/${user}/erase`, { events: 'keep', typed: markup('typed') }, false],
    [`/users/${user}/erase`, { events: 'keep', typed: markup('typed') }, true],
    [`/users/${user}/oauth/unlink`, { provider: markup('provider') }, false],
    [`/organizations/${organization}/delete`, {}, false],
    [`/organizations/${organization}/roles/${role}/revoke`, { user: markup('user') }, false],
    [`/organizations/${organization}/roles/create`, { name: 'x', permissions: markup('permission') }, true],
    [`/sso/${segment(saml.id)}/delete`, {}, false],
    [`/api-keys/${segment(key.id)}/revoke`, {}, false],
    [`/users/${user}/edit`, { email: '', seen: markup('seen') }, true],
    [`/users/${user}/export`, {}, true],
    ['/events/export', {}, true],
    ['/api-keys/create', { principal: userId, name: markup('name'), scopes: markup('scope') }, true],
  ];
  for (const [path, fields, confirmed] of posts) {
    pages.push({
      path: `POST ${path}`,
      text: await (await visitor.post(`/admin${path}`, fields, { confirmed })).text(),
    });
  }
  secrets = SECRETS.flatMap((what) => texts.get(what) ?? []);
}, 60_000);

const isPage = ({ text }: { text: string }) => text.startsWith('<!doctype html>');

it('markup in any field of any record is shown as text on every page', () => {
  expect(pages.filter(isPage).length).toBeGreaterThan(35);
  for (const { path, text } of pages.filter(isPage)) {
    const found = /<script>|<img|onerror='|<\/title><\/textarea>|<b>!/.exec(text);
    expect([path, found && text.slice(found.index - 80, found.index + 40)]).toEqual([path, null]);
    // A page has one script, and no attribute that a text has broken out of.
    expect([path, text.match(/<script/g)?.length]).toEqual([path, 1]);
    expect(text).not.toMatch(/ on[a-z]+=["']?[a-z]/);
    expect(text).not.toMatch(/ style=/);
  }
});

it('every text that is not a secret is really shown somewhere, so that the test above looks at all of them', () => {
  const all = pages
    .filter(isPage)
    .map(({ text }) => text)
    .join('');
  const shown = (text: string) =>
    all.includes(escapeHtml(text)) || all.includes(escapeHtml(JSON.stringify(text).slice(1, -1)));
  const missing = [
    'name',
    'email',
    'plan',
    'entitlement',
    'scope',
    'prefix',
    'description',
    'resource',
    'action',
    'provider',
    'subject',
    'entity',
    'url',
    'client',
    'redirect',
    'type',
    'key',
    'value',
    'principal',
    'phone',
    'picture',
    'operator',
    'title',
    'metadata',
    'typed',
    'filter',
  ].filter((what) => !(texts.get(what) ?? []).some(shown));
  // What is typed into a question is not repeated.
  expect(missing).toEqual(['typed']);
});

it('no secret and no hash of any record is in any response, as it is, escaped or encoded', () => {
  expect(secrets.length).toBeGreaterThan(25);
  for (const { path, text } of pages) {
    for (const secret of secrets) {
      const number = /alert\((\d+)\)/.exec(secret)?.[1];
      expect([path, text.includes(`alert(${number})`), secret]).toEqual([path, false, secret]);
      expect(text).not.toContain(Buffer.from(secret).toString('base64url').slice(3, -3));
      expect(text).not.toContain(encodeURIComponent(secret));
    }
  }
});

it('an object in metadata that claims to be HTML is shown as JSON', async () => {
  const metadata = { isEscaped: true, toString: '<script>x</script>', callbacks: [1] };
  const user = await db.storage.createUser({ metadata: { trick: metadata, isEscaped: true } });
  await db.storage.emitEvent({ type: 'trick', principalId: user.id, data: { trick: metadata }, timestamp: new Date() });
  await db.storage.createSession(sessionInput(user.id, { metadata: { trick: [metadata] } }));
  for (const path of [`/users/${user.id}`, '/events?type=trick']) {
    const page = await visitor.read(`/admin${path}`);
    expect(page).not.toContain('<script>x');
    expect(page).toContain('&lt;script&gt;x&lt;/script&gt;');
  }
});

it('an object cannot be filled into a page, whatever it says about itself', () => {
  for (const value of [
    { isEscaped: true },
    new Date(),
    { isEscaped: true, callbacks: [] },
    [{ isEscaped: true }],
    Promise.resolve('x'),
  ]) {
    expect(() => html`<p>${value}</p>`).toThrow(TypeError);
  }
  expect(`${html`<p title="${'"'}">${html`<b>`}${['<', 1, null, false]}</p>`}`).toBe('<p title="&quot;"><b>&lt;1</p>');
});

describe('the CSV file', () => {
  it('has no cell that a spreadsheet takes for a formula', async () => {
    const formulas = ['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '＝1', 'a=1'];
    for (const type of formulas)
      await db.storage.emitEvent({ type, principalId: `${type}"x`, data: {}, timestamp: new Date() });
    const text = await (await visitor.post('/admin/events/export', { from: '2000-01-01' })).text();
    for (const formula of formulas.slice(0, -1)) {
      expect(text).toContain(`"'${formula}"`);
      expect(text).toContain(`"'${formula}""x"`);
      expect(text).not.toContain(`,"${formula}`);
    }
    expect(text).toContain('"a=1"');
  });

  it('ends after the number of rows that the console allows', async () => {
    for (let index = 0; index < 12; index++)
      await db.storage.emitEvent({ type: 'many', principalId: `${index}`, data: {}, timestamp: new Date() });
    const other = new Visitor(makeConsole(db.storage, { csvRows: 7 }));
    const text = await (await other.post('/admin/events/export', { type: 'many' })).text();
    expect(text.trimEnd().split('\r\n')).toHaveLength(8);
  });

  it('is written while it is read, a thousand events at a time, and stops when nobody reads on', async () => {
    const { storage } = db;
    await Promise.all(
      Array.from({ length: 5_000 }, () =>
        storage.emitEvent({ type: 'bulk', principalId: 'p', data: { text: 'x'.repeat(200) }, timestamp: new Date() }),
      ),
    );
    let calls = 0;
    const counting = new Proxy(storage, {
      get(target, name) {
        if (name === 'listEvents') calls++;
        const value = Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const response = await new Visitor(makeConsole(counting)).post('/admin/events/export', { type: 'bulk' });
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.cancel();
    expect(calls).toBeLessThanOrEqual(3);
    const whole = await (
      await new Visitor(makeConsole(counting)).post('/admin/events/export', { type: 'bulk' })
    ).text();
    expect(whole.trimEnd().split('\r\n')).toHaveLength(5_001);
  });
});

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
