/** examples/fastify-api, over HTTP. */
import { Client } from 'pg';
import { Application } from '../helpers/application';
import { useDatabase } from '../helpers/database';
import { until } from '../helpers/failing';
import { TcpProxy } from '../helpers/proxy';

const SCOPES = ['keys:read', 'keys:write', 'organizations:read', 'organizations:write', 'members:read'];
const ALL = [...SCOPES, 'members:write', 'events:read'];

const db = useDatabase();
let api: Application;

const start = (DATABASE_URL: string) =>
  Application.start({
    name: 'fastify-api',
    args: ['--import', 'tsx', 'src/main.ts'],
    env: { DATABASE_URL, PORT: '0' },
    ready: /Server listening at (http:[^"\s]+)/,
  });

beforeAll(async () => {
  api = await start(db.url);
});

interface Asked {
  key?: string;
  method?: string;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  at?: Application;
}

async function ask(path: string, { key, method, body, headers, signal, at = api }: Asked = {}) {
  const response = await fetch(`${at.url}${path}`, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: {
      ...(key && { authorization: `Bearer ${key}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(signal && { signal }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text ? JSON.parse(text) : undefined };
}

let made = 0;
/** A user with a key. */
async function person(scopes = ALL) {
  const user = await db.storage.createUser({ email: `person-${made++}@example.com` });
  const { key, record } = await db.storage.createApiKeyWithSecret(user.id, scopes, 'test');
  return { user, key, keyId: record.id, email: user.email as string };
}

/** An organization of theirs. */
async function organizationOf(owner: { key: string }, seats = 5): Promise<string> {
  const { body } = await ask('/organizations', { key: owner.key, body: { name: 'Engines', seats } });
  return body.id;
}

/** How many of each. */
const tally = (statuses: number[]) =>
  Object.fromEntries(
    [...new Set(statuses)].sort().map((each) => [each, statuses.filter((one) => one === each).length]),
  );

describe('The API of examples/fastify-api', () => {
  it('prints a first key in an empty database, which may do everything', async () => {
    const [, key] = /first key, which is shown only now: (\S+)/.exec(api.output) ?? [];
    const { body } = await ask('/me', { key: key as string });
    expect(body).toMatchObject({ user: { email: 'ada@example.com' }, key: { scopes: expect.arrayContaining(ALL) } });
    expect(body.key).not.toHaveProperty('hash');
  });

  it('tells 256 callers apart who ask at once', async () => {
    const people = await Promise.all(Array.from({ length: 256 }, () => person()));
    const answers = await Promise.all(people.map(({ key }) => ask('/me', { key })));
    expect(answers.map(({ body }) => body.user.id)).toEqual(people.map(({ user }) => user.id));
  });

  it('refuses a request without a valid key, and one whose key lacks the scope', async () => {
    const { key } = await person(['keys:read']);
    const refused = await ask('/me', { key: 'test_wrong' });
    expect(refused).toMatchObject({ status: 401, body: { error: { code: 'unauthenticated' } } });
    expect(refused.headers.get('www-authenticate')).toBe('Bearer');
    expect(await ask('/keys')).toMatchObject({ status: 401 });
    expect(await ask('/keys', { key })).toMatchObject({ status: 200 });
    expect(await ask('/keys', { key, body: { name: 'x', scopes: [] } })).toMatchObject({
      ...{ status: 403, body: { error: { code: 'scope_missing' } } },
    });
    expect(await ask('/nothing', { key })).toMatchObject({ status: 404, body: { error: { code: 'not_found' } } });
  });

  it('makes, lists and revokes keys, and gives nobody more than they have', async () => {
    const { key } = await person(SCOPES);
    const { body: first } = await ask('/keys', { key, body: { name: 'ci', scopes: ['keys:read'], expiresInDays: 7 } });
    expect(first).toMatchObject({ name: 'ci', scopes: ['keys:read'] });
    expect(await ask('/me', { key: first.key })).toMatchObject({ status: 200 });
    expect(await ask('/keys', { key, body: { name: 'more', scopes: ['events:read'] } })).toMatchObject({ status: 403 });
    const { body: listed } = await ask('/keys', { key });
    expect(listed.items.map(({ name }: { name?: string }) => name)).toEqual(['ci', undefined]);
    expect(await ask(`/keys/${first.id}`, { key, method: 'DELETE' })).toMatchObject({ status: 204 });
    expect(await ask('/me', { key: first.key })).toMatchObject({ status: 401 });
  });

  it('does not let a key rotate one that may do more, or one of somebody else', async () => {
    const { user, keyId } = await person(ALL);
    const { key } = await db.storage.createApiKeyWithSecret(user.id, ['keys:write']);
    expect(await ask(`/keys/${keyId}/rotate`, { key, method: 'POST' })).toMatchObject({ status: 403 });
    const stranger = await person(ALL);
    expect(await ask(`/keys/${keyId}/rotate`, { key: stranger.key, method: 'POST' })).toMatchObject({ status: 404 });
  });

  it.each([64, 256])('lets one of %i requests replace a key', async (requests) => {
    const { user, key } = await person();
    const { record: old, key: oldKey } = await db.storage.createApiKeyWithSecret(user.id, ['keys:read']);
    const rotate = () => ask(`/keys/${old.id}/rotate`, { key, method: 'POST' });
    const answers = await Promise.all(Array.from({ length: requests }, rotate));
    expect(tally(answers.map(({ status }) => status))).toEqual({ 200: 1, 409: requests - 1 });
    const fresh = answers.find(({ status }) => status === 200)?.body.key;
    expect(await ask('/me', { key: fresh })).toMatchObject({ status: 200 });
    expect(await ask('/me', { key: oldKey })).toMatchObject({ status: 401 });
  });

  it('keeps an old key for as long as the request says', async () => {
    const { key, keyId } = await person();
    const { body } = await ask(`/keys/${keyId}/rotate?keepOldForSeconds=60`, { key, method: 'POST' });
    const shared = await Promise.all([ask('/me', { key }), ask('/me', body)]);
    expect(shared.map(({ status }) => status)).toEqual([200, 200]);
  });

  it.each([64, 256])('fills the seats of an organization exactly when %i requests want one', async (requests) => {
    const owner = await person();
    const orgId = await organizationOf(owner, 5);
    const people = await Promise.all(Array.from({ length: requests }, () => person()));
    const answers = await Promise.all(
      people.map(({ email }) =>
        ask(`/organizations/${orgId}/members`, { key: owner.key, body: { email, role: 'member' } }),
      ),
    );
    expect(tally(answers.map(({ status }) => status))).toEqual({ 201: 4, 400: requests - 4 });
    expect(answers.find(({ status }) => status === 400)?.body.error).toMatchObject({ field: 'members' });
    const { body } = await ask(`/organizations/${orgId}/members`, { key: owner.key });
    expect(body.items).toHaveLength(5);
  });

  it('names the field of an input that is wrong, whether the schema finds it or the store', async () => {
    const owner = await person();
    const orgId = await organizationOf(owner);
    const field = async (path: string, body?: unknown) => {
      const answer = await ask(path, { key: owner.key, body });
      return [answer.status, answer.body.error.field];
    };
    expect(await field('/organizations', { name: 'Engines' })).toEqual([400, 'seats']);
    expect(await field('/organizations', { name: 'Engines', seats: '5' })).toEqual([400, 'seats']);
    expect(await field('/organizations', { name: 'Engines', seats: 5, plan: 'free' })).toEqual([400, 'plan']);
    expect(await field('/organizations?after=nonsense')).toEqual([400, 'after']);
    expect(await field('/organizations?limit=5000')).toEqual([400, 'limit']);
    const nobody = { email: 'nobody@example.com', role: 'member' };
    expect(await field(`/organizations/${orgId}/members`, nobody)).toEqual([400, 'email']);
  });

  it('answers 409 to a member who is one already', async () => {
    const owner = await person();
    const orgId = await organizationOf(owner);
    const body = { email: owner.email, role: 'member' };
    expect(await ask(`/organizations/${orgId}/members`, { key: owner.key, body })).toMatchObject({
      ...{ status: 409, body: { error: { code: 'conflict', field: 'userId' } } },
    });
  });

  it('lists in pages whose cursors lead on, and belong to their list', async () => {
    const owner = await person();
    for (let count = 0; count < 5; count++) await organizationOf(owner);
    const seen: string[] = [];
    let after = '';
    do {
      const { body } = await ask(`/organizations?limit=2${after && `&after=${encodeURIComponent(after)}`}`, owner);
      seen.push(...body.items.map(({ id }: { id: string }) => id));
      after = body.next ?? '';
    } while (after);
    expect([seen.length, new Set(seen).size]).toEqual([5, 5]);
  });
});

describe('An organization of examples/fastify-api', () => {
  it('does not exist for those who do not belong to it', async () => {
    const orgId = await organizationOf(await person());
    const { key } = await person();
    expect(await ask(`/organizations/${orgId}`, { key })).toMatchObject({ status: 404 });
    expect(await ask(`/organizations/${orgId}/events`, { key })).toMatchObject({ status: 404 });
  });

  it('is changed by admins and by roles that permit it, who cannot make or remove owners', async () => {
    const [owner, member, guest] = await Promise.all([person(), person(), person()]);
    const orgId = await organizationOf(owner);
    const members = `/organizations/${orgId}/members`;
    await ask(members, { key: owner.key, body: { email: member.email, role: 'member' } });
    const invite = (role: string) => ask(members, { key: member.key, body: { email: guest.email, role } });
    expect(await invite('member')).toMatchObject({ status: 403, body: { error: { code: 'role_missing' } } });

    const permissions = [{ name: 'Manage members', resource: 'members', action: 'write' }];
    const role = await db.storage.createRole({ orgId, name: 'Manager', permissions });
    await db.storage.assignRoleToUser(member.user.id, role.id, orgId);
    expect(await invite('owner')).toMatchObject({ status: 403 });
    expect(await invite('member')).toMatchObject({ status: 201 });
    const own = `${members}/${member.user.id}`;
    expect(await ask(own, { key: member.key, method: 'PUT', body: { role: 'owner' } })).toMatchObject({ status: 403 });
    const remove = (id: string) => ask(`${members}/${id}`, { key: member.key, method: 'DELETE' });
    expect(await remove(owner.user.id)).toMatchObject({ status: 403 });
    expect(await remove(guest.user.id)).toMatchObject({ status: 204 });
    expect(await remove(member.user.id)).toMatchObject({ status: 204 });
    const { body } = await ask(`/organizations/${orgId}/events?limit=10`, { key: owner.key });
    expect(body.items.map(({ type }: { type: string }) => type)).toEqual([
      ...['member.removed', 'member.removed', 'member.added', 'member.added'],
    ]);
  });

  it('keeps its last owner', async () => {
    const owner = await person();
    const path = `/organizations/${await organizationOf(owner)}/members/${owner.user.id}`;
    expect(await ask(path, { key: owner.key, method: 'DELETE' })).toMatchObject({
      ...{ status: 400, body: { error: { field: 'userId' } } },
    });
    expect(await ask(path, { key: owner.key, method: 'PUT', body: { role: 'member' } })).toMatchObject({
      ...{ status: 400, body: { error: { field: 'role' } } },
    });
  });

  it('has keys of its own, which act for it alone', async () => {
    const owner = await person();
    const [orgId, other] = [await organizationOf(owner), await organizationOf(owner)];
    const body = { name: 'robot', scopes: ['organizations:read', 'organizations:write'] };
    const { body: robot } = await ask(`/organizations/${orgId}/keys`, { key: owner.key, body });
    expect((await ask('/me', robot)).body).toMatchObject({ organization: { id: orgId } });
    expect(await ask(`/organizations/${orgId}`, robot)).toMatchObject({ status: 200, body: { role: 'admin' } });
    expect(await ask(`/organizations/${other}`, robot)).toMatchObject({ status: 404 });
    const wish = { name: 'Engines', seats: 5 };
    expect(await ask('/organizations', { key: robot.key, body: wish })).toMatchObject({ status: 403 });
  });
});

/** Holds a row, so that requests that change it wait. */
async function locked<T>(table: string, id: string, work: (release: () => Promise<void>) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: db.url });
  await client.connect();
  try {
    await client.query('BEGIN');
    await client.query(`SELECT FROM ${table} WHERE id = $1 FOR UPDATE`, [id]);
    return await work(async () => {
      await client.query('COMMIT');
    });
  } finally {
    await client.end();
  }
}

async function waitingForLocks(): Promise<number> {
  const [row] = await db.query<{ count: number }>(
    `SELECT count(*)::int FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'auth-postgres' AND wait_event_type = 'Lock'`,
  );
  return row?.count ?? 0;
}

describe('A request to examples/fastify-api', () => {
  it('ends its query when its client leaves, and nobody else’s', async () => {
    const [owner, guest] = await Promise.all([person(), person()]);
    const orgId = await organizationOf(owner);
    const body = { email: guest.email, role: 'member' };
    await locked('organizations', orgId, async (release) => {
      const client = new AbortController();
      const path = `/organizations/${orgId}/members`;
      const gone = ask(path, { key: owner.key, body, signal: client.signal }).catch(({ name }) => name);
      await until(async () => (await waitingForLocks()) === 1);
      const stays = ask(path, { key: owner.key, body });
      await until(async () => (await waitingForLocks()) === 2);
      client.abort();
      expect(await gone).toBe('AbortError');
      await until(async () => (await waitingForLocks()) === 1);
      await release();
      // The one that has left has done nothing.
      expect(await stays).toMatchObject({ status: 201 });
    });
    await until(() => api.output.includes('the client has left'));
  });

  it('has an id, which its answer and the store’s lines in the log carry as well', async () => {
    const [owner, guest] = await Promise.all([person(), person()]);
    const orgId = await organizationOf(owner);
    await locked('organizations', orgId, async (release) => {
      const headers = { 'x-request-id': 'slow-one' };
      const body = { email: guest.email, role: 'member' };
      const answer = ask(`/organizations/${orgId}/members`, { key: owner.key, body, headers });
      // `slowCallMs` of the example.
      await new Promise((resolve) => setTimeout(resolve, 700));
      await release();
      expect((await answer).headers.get('x-request-id')).toBe('slow-one');
    });
    const lines = () => api.output.split('\n').filter((line) => line.includes('slow call'));
    const slow = () => lines().find((line) => line.includes('"slow-one"'));
    await until(() => slow() !== undefined);
    expect(JSON.parse(slow() as string)).toMatchObject({ operation: expect.any(String) });
    expect(api.output).not.toContain(owner.key);
  });

  it('is answered before the process ends that is told to end', async () => {
    const second = await start(db.url);
    const [owner, guest] = await Promise.all([person(), person()]);
    const orgId = await organizationOf(owner);
    await locked('organizations', orgId, async (release) => {
      const body = { email: guest.email, role: 'member' };
      const answer = ask(`/organizations/${orgId}/members`, { key: owner.key, body, at: second });
      await until(async () => (await waitingForLocks()) === 1);
      const code = second.stop('SIGTERM');
      await until(() =>
        fetch(`${second.url}/health/live`).then(
          ({ status }) => status === 503,
          () => true,
        ),
      );
      await release();
      expect(await answer).toMatchObject({ status: 201 });
      expect(await code).toBe(0);
    });
  });
});

describe('While the database is away, examples/fastify-api', () => {
  it('lives, is not ready, and asks to try again; and works when it is back', async () => {
    const proxy = await TcpProxy.start(db.url);
    const second = await start(proxy.url);
    const { key } = await person();
    expect(await ask('/health/ready', { at: second })).toMatchObject({ status: 200 });
    await proxy.close();
    expect(await ask('/health/live', { at: second })).toMatchObject({ status: 200 });
    expect(await ask('/health/ready', { at: second })).toMatchObject({ status: 503, body: { status: 'error' } });
    const failures = await Promise.all(Array.from({ length: 64 }, () => ask('/me', { key, at: second })));
    expect(tally(failures.map(({ status }) => status))).toEqual({ 503: 64 });
    expect(failures[0]?.headers.get('retry-after')).toBe('1');
    expect(failures[0]?.body.error).toMatchObject({ code: 'connection_failed', requestId: expect.any(String) });
    await proxy.heal();
    expect(await ask('/me', { key, at: second })).toMatchObject({ status: 200 });
    await second.stop();
    await proxy.close();
  });

  it('says what to do when nobody knows whether a change was made', async () => {
    const proxy = await TcpProxy.start(db.url);
    const second = await start(proxy.url);
    const { key, keyId } = await person();
    await locked('api_keys', keyId, async () => {
      const answer = ask(`/keys/${keyId}/rotate`, { key, method: 'POST', at: second });
      await until(async () => (await waitingForLocks()) === 1);
      proxy.cut();
      expect(await answer).toMatchObject({
        ...{ status: 504, body: { error: { outcome: 'unknown', message: expect.stringContaining('Read what you') } } },
      });
      expect((await answer).headers.get('retry-after')).toBeNull();
    });
    await second.stop();
    await proxy.close();
  });
});
