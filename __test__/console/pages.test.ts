/** What the pages of the console show. */
import { useDatabase } from '../helpers/database';
import {
  apiKeyInput,
  eventInput,
  memberInput,
  organizationInput,
  roleInput,
  sessionInput,
  userInput,
} from '../helpers/fixtures';
import { makeConsole, segment, textOf, Visitor } from './helpers';

const db = useDatabase();
let visitor: Visitor;
beforeAll(() => {
  visitor = new Visitor(makeConsole(db.storage, { title: 'Shop' }));
});

const read = (path: string) => visitor.read(`/admin${path}`);

/** The path that a link of the page with this text leads to. */
function linkTo(page: string, text: string): string {
  const links = [...page.matchAll(/<a [^>]*href="([^"]+)"[^>]*>([\s\S]*?)<\/a>/g)];
  const found = links.find(([, , content]) => textOf(content ?? '').trim() === text)?.[1];
  if (!found) throw new Error(`There is no link "${text}".`);
  return found.replaceAll('&amp;', '&');
}

describe('the overview', () => {
  it('counts sign-ins and failures of the last 24 hours by hour, and of 7 and 30 days by day', async () => {
    const hour = 3_600_000;
    const emit = (type: string, age: number) =>
      db.storage.emitEvent(eventInput({ type, timestamp: new Date(Date.now() - age) }));
    await Promise.all([emit('user.login', 1_000), emit('user.login', 1_000), emit('user.login_failed', 1_000)]);
    await emit('user.login', 100 * hour);
    const day = await read('/');
    expect(textOf(day)).toMatch(/Sign-ins, 24 hours 2 33 % of the attempts failed/);
    expect(day.match(/<rect class="slot"/g)).toHaveLength(24);
    expect(day).toContain('Sign-ins and failures, 24 hours. Sign-ins: 2, Failures: 1.');
    const week = await read('/?range=week');
    expect(week.match(/<rect class="slot"/g)).toHaveLength(7);
    expect(textOf(week)).toContain('Sign-ins, 7 days 3 25 % of the attempts failed');
    expect((await read('/?range=month')).match(/<rect class="slot"/g)).toHaveLength(30);
  });

  it('counts the types of events that the application has for sign-ins and failures', async () => {
    await db.storage.emitEvent(eventInput({ type: 'login.ok' }));
    await db.storage.emitEvent(eventInput({ type: 'login.bad' }));
    const events = { signIn: ['login.ok'], failure: ['login.bad'] };
    const other = new Visitor(makeConsole(db.storage, { events }));
    expect(textOf(await other.read('/admin'))).toMatch(/Sign-ins, 24 hours 1 50 % of the attempts failed/);
  });

  it('shows the connections, the latency of methods, and the last sweep', async () => {
    await db.storage.sweep();
    const text = textOf(await read('/'));
    expect(text).toMatch(/In use \d+ Idle \d+ Not open \d+/);
    expect(text).toMatch(/emitEvent \d+ [\d.]+ m?s [\d.]+ m?s/);
    expect(text).toMatch(/Last sweep just now , by hand/);
    expect(text).toMatch(/database answers/);
  });
});

describe('users', () => {
  it('are listed newest first in pages, each of them once', async () => {
    for (let index = 0; index < 60; index++)
      await db.storage.createUser(userInput({ email: `page${index}@example.com`, name: `Person ${index}` }));
    const seen: string[] = [];
    let path = '/admin/users';
    for (let pages = 0; ; pages++) {
      const page = await visitor.read(path);
      seen.push(...[...page.matchAll(/page(\d+)@example\.com/g)].map(([, index]) => `${index}`));
      if (!page.includes('Next page')) break;
      path = linkTo(page, 'Next page');
      if (pages > 5) throw new Error('The pages do not end.');
    }
    expect(seen).toEqual(Array.from({ length: 60 }, (_, index) => `${59 - index}`));
  });

  it('are found by the beginning of the e-mail, by plan, and by id', async () => {
    const user = await db.storage.createUser(userInput({ email: 'Zoe@example.com', name: 'Zoe', plan: 'gold' }));
    for (const query of ['q=zOE', 'plan=gold', `q=${user.id}`]) {
      const text = textOf(await read(`/users?${query}`));
      expect(text).toContain('Zoe@example.com');
      expect(text).not.toContain('page1@example.com');
    }
    expect(textOf(await read('/users?q=nobody'))).toContain('Nobody was found.');
  });

  it('have a page with the profile, sessions, second factors, links, organizations, roles, keys and events', async () => {
    const { storage } = db;
    const user = await storage.createUser(
      userInput({ email: 'all@example.com', name: 'All of it', passwordHash: 'h' }),
    );
    await storage.createSession(sessionInput(user.id, { metadata: { ip: '203.0.113.9' } }));
    await storage.createSession(sessionInput(user.id, { expiresAt: new Date(0), metadata: { ip: '192.0.2.1' } }));
    await storage.createTwoFactorDevice({
      userId: user.id,
      method: 'sms',
      name: 'Work phone',
      phoneNumber: '+1555',
      verified: true,
    });
    await storage.createBackupCodes(user.id, ['a', { code: 'b', used: true }]);
    await storage.linkOAuthAccount(user.id, 'github', {
      provider: 'github',
      sub: 'sub-1',
      email: 'all@github.example',
    });
    const organization = await storage.createOrganization(
      organizationInput({ name: 'Engines', members: [memberInput(user.id, { role: 'admin' })] }),
    );
    const role = await storage.createRole(roleInput(organization.id, { name: 'Chief editor' }));
    await storage.assignRoleToUser(user.id, role.id, organization.id);
    await storage.createApiKey(apiKeyInput(user.id, { prefix: 'kit', lastFour: 'wxyz', metadata: { name: 'Laptop' } }));
    await storage.emitEvent(eventInput({ type: 'user.moved', principalId: user.id }));
    const text = textOf(await read(`/users/${user.id}`));
    for (const shown of [
      ...[
        'All of it',
        'all@example.com',
        'ip 203.0.113.9',
        'Work phone',
        '+1555',
        'verified',
        '1 backup code of 2 not used yet',
      ],
      ...[
        'A password is set',
        'all@github.example',
        'Engines',
        'admin',
        'Chief editor',
        'kit_…wxyz',
        'Laptop',
        'user.moved',
      ],
    ]) {
      expect(text).toContain(shown);
    }
    // Expired sessions are nobody's any more.
    expect(text).not.toContain('192.0.2.1');
  });

  it('have pages of sessions whose addresses hold no session id', async () => {
    const user = await db.storage.createUser(userInput());
    const sessions = [];
    for (let index = 0; index < 13; index++)
      sessions.push(await db.storage.createSession(sessionInput(user.id, { metadata: { number: `n${index}.` } })));
    const first = await read(`/users/${user.id}`);
    const second = await visitor.read(linkTo(first, 'Next page'));
    const numbers = [first, second].flatMap((page) =>
      [...page.matchAll(/n(\d+)\./g)].map(([, index]) => Number(index)),
    );
    expect(numbers.sort((a, b) => a - b)).toEqual(Array.from({ length: 13 }, (_, index) => index));
    const decoded = decodeURIComponent(linkTo(first, 'Next page')).split('sessions=')[1] ?? '';
    for (const { id } of sessions) {
      expect(first + second).not.toContain(id);
      expect(Buffer.from(decoded, 'base64url').toString('latin1')).not.toContain(id);
    }
  });
});

describe('organizations', () => {
  it('are listed in pages, and found by id', async () => {
    const organization = await db.storage.createOrganization(organizationInput({ name: 'Bletchley', plan: 'team' }));
    expect(textOf(await read('/organizations'))).toContain('Bletchley');
    expect(textOf(await read(`/organizations?q=${organization.id}`))).toContain('Bletchley');
    expect(textOf(await read('/organizations?q=nothing'))).toContain('There is no organization with this id.');
  });

  it('have a page with members in pages, roles, keys, own providers and events', async () => {
    const { storage } = db;
    const users = [];
    for (let index = 0; index < 27; index++)
      users.push(await storage.createUser(userInput({ name: `Member ${index}.` })));
    const members = users.map(({ id }) => memberInput(id));
    const organization = await storage.createOrganization(organizationInput({ name: 'Large', seats: 30, members }));
    const role = await storage.createRole(roleInput(organization.id, { name: 'Reader' }));
    await storage.assignRoleToUser(`${users[0]?.id}`, role.id, organization.id);
    await storage.createApiKey(apiKeyInput(organization.id, { lastFour: '9876' }));
    await storage.createSSOProvider({
      ...{ type: 'oidc', name: 'Own ID', orgId: organization.id, metadata_url: 'https://id.example.com' },
      ...{ client_id: 'c', client_secret: 's', redirect_uris: [] },
    });
    await storage.emitEvent(eventInput({ type: 'org.renamed', orgId: organization.id }));
    const first = await read(`/organizations/${organization.id}`);
    const text = textOf(first);
    for (const shown of ['Large', '27 of 30 taken', 'Reader', 'kit_…9876', 'Own ID', 'org.renamed', 'Page 1 of 2'])
      expect(text).toContain(shown);
    const second = textOf(await visitor.read(linkTo(first, 'Next')));
    const numbers = [...`${text}${second}`.matchAll(/Member (\d+)\. \S+@/g)].map(([, index]) => Number(index));
    expect(new Set(numbers).size).toBe(27);
    expect(textOf(await read(`/organizations/${organization.id}/roles/${role.id}`))).toContain(
      'Read documents document:read',
    );
  });

  it('show no role of another organization as their own', async () => {
    const [one, other] = [
      await db.storage.createOrganization(organizationInput()),
      await db.storage.createOrganization(organizationInput()),
    ];
    const role = await db.storage.createRole(roleInput(one.id));
    expect((await visitor.send(`/admin/organizations/${other.id}/roles/${role.id}`)).status).toBe(404);
  });
});

it('API keys are found by prefix and last four, and by whom they belong to', async () => {
  const user = await db.storage.createUser(userInput({ name: 'Key owner' }));
  const key = await db.storage.createApiKey(
    apiKeyInput(user.id, { prefix: 'find', lastFour: 'me12', scopes: ['deploy'] }),
  );
  for (const query of ['prefix=find&last=me12', `principal=${user.id}`]) {
    expect(textOf(await read(`/api-keys?${query}`))).toContain('find_…me12');
  }
  const text = textOf(await read(`/api-keys/${key.id}`));
  for (const shown of ['Key owner', 'deploy', 'Rotate', 'Revoke']) expect(text).toContain(shown);
  expect(textOf(await read('/api-keys?prefix=find&last=none'))).toContain('No key was found.');
});

describe('the audit log', () => {
  it('filters by type, by whom events are about, by organization and by time, and keeps the filters on the next page', async () => {
    const { storage } = db;
    const at = (index: number) => new Date(Date.UTC(2026, 5, 1, 12, index));
    for (let index = 0; index < 55; index++) {
      await storage.emitEvent(
        eventInput({
          type: 'filtered',
          principalId: `p${index % 2}`,
          orgId: 'o1',
          data: { number: index },
          timestamp: at(index),
        }),
      );
    }
    const first = await read('/events?type=filtered');
    expect(first.match(/<tr role="row" data-key="\d/g)).toHaveLength(50);
    const second = await visitor.read(linkTo(first, 'Next page'));
    expect(second.match(/<tr role="row" data-key="\d/g)).toHaveLength(5);
    expect((await read('/events?type=filtered&principal=p0')).match(/data-key="\d/g)).toHaveLength(28);
    expect(
      (await read('/events?org=o1&from=2026-06-01T12:10&to=2026-06-01T12:20')).match(/data-key="\d/g),
    ).toHaveLength(10);
    expect(textOf(await read('/events?type=filtered&from=2026-06-02T00:00'))).toContain('No event was found.');
    expect((await visitor.send('/admin/events?from=yesterday')).status).toBe(400);
  });

  it('shows the exact time, what it is about by name, and the data without what could be a secret', async () => {
    const user = await db.storage.createUser(userInput({ name: 'Told about' }));
    const data = {
      ip: '198.51.100.1',
      password: 'p-secret',
      nested: { accessToken: 't-secret', fine: 1 },
      session_id: 's-secret',
      pet: 'cat',
    };
    await db.storage.emitEvent(
      eventInput({ type: 'told', principalId: user.id, data, timestamp: new Date('2026-06-02T10:00:00Z') }),
    );
    const other = new Visitor(makeConsole(db.storage, { hiddenKeys: ['Pet'] }));
    const text = textOf(await other.read('/admin/events?type=told'));
    expect(text).toContain('2026-06-02 10:00:00 UTC');
    expect(text).toContain('Told about');
    expect(text).toContain('198.51.100.1');
    expect(text).toContain('"fine":1');
    for (const secret of ['p-secret', 't-secret', 's-secret', 'cat']) expect(text).not.toContain(secret);
  });
});

it('the page about health has the findings with their repairs, and the migrations', async () => {
  const text = textOf(await read('/health'));
  expect(text).toMatch(/\d+ errors?, \d+ warnings?, \d+ notices?, and \d+ as expected/);
  expect(text).toContain('0001_initial_schema');
  expect(text).toContain('applied');
});

it('pages of what is not there have the status 404', async () => {
  for (const path of [
    '/users/nobody',
    '/organizations/none',
    '/api-keys/none',
    '/sso/none',
    '/organizations/a/roles/b',
    '/nothing',
    '/users/x/y',
  ]) {
    expect([path, (await visitor.send(`/admin${path}`)).status]).toEqual([path, 404]);
  }
});

it('ids of any kind lead to their pages', async () => {
  for (const id of ['..', '.', 'a/b', '../../x', 'create', 'ü?#%2e', ' ', '~x', 'a\\b', '%00']) {
    await db.storage.createUser(userInput({ id, name: `Odd ${JSON.stringify(id)}` }));
    const path = id === 'create' ? `~${Buffer.from(id).toString('base64url')}` : segment(id);
    expect(textOf(await read(`/users/${path}`))).toContain(`Odd ${JSON.stringify(id)}`);
    expect(await read(`/users?q=${encodeURIComponent(id)}`)).toContain(`/admin/users/${path}"`);
  }
});
