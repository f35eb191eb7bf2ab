/** What the actions of the console do, and the audit event that each leaves. */
import { ACTIONS } from '../../console/lib/actions';
import { toJson } from '../../console/lib/html/json';
import { useDatabase } from '../helpers/database';
import { apiKeyInput, memberInput, organizationInput, roleInput, sessionInput, userInput } from '../helpers/fixtures';
import { ACTION_CASES } from './action-cases';
import { EVERYTHING, makeConsole, snapshotOf, textOf, Visitor } from './helpers';

const db = useDatabase();
let visitor: Visitor;
beforeAll(() => {
  visitor = new Visitor(makeConsole(db.storage));
});

const snapshot = () => snapshotOf(db);

describe.each(ACTION_CASES)('the action of $event', ({ event, permission, asks, prepare }) => {
  it('does what it says, and leaves one event with who did it', async () => {
    const operator = { name: `${permission}@example.com`, can: ['read', permission] as const };
    const worker = new Visitor(visitor.handler, { ...operator, can: [...operator.can] });
    worker.cookie = visitor.cookie;
    const { path, fields, principalId, orgId, data, expectDone } = await prepare(db.storage, worker);
    const token = await tokenFor(worker);
    const from = new Date();
    const response = await worker.post(`/admin${path}`, fields, { token });
    expect([200, 303]).toContain(response.status);
    const { items } = await db.storage.listEvents({ type: event, from: new Date(from.getTime() - 5) });
    const [found] = items.filter((each) => each.data.operator === operator.name);
    expect(items.filter((each) => each.data.operator === operator.name)).toHaveLength(1);
    if (!found) throw new Error('There is no event.');
    if (principalId !== undefined) expect(found.principalId).toBe(principalId);
    if (orgId !== undefined) expect(found.orgId).toBe(orgId);
    // Nothing that an operator did is hidden from those who read the log.
    expect(toJson(found.data, [])).toBe(JSON.stringify(found.data));
    if (data) expect(found.data).toEqual({ ...data, operator: operator.name });
    await expectDone(response, found);
  });

  if (asks) {
    it('asks before it does anything', async () => {
      const { path, fields } = await prepare(db.storage, visitor);
      const before = await snapshot();
      const response = await visitor.post(`/admin${path}`, fields, { confirmed: false });
      expect(response.status).toBe(200);
      const page = await response.text();
      expect(page).toContain('id="confirm"');
      for (const [name, value] of Object.entries(fields ?? {})) {
        if (name !== 'typed') expect(page).toContain(`name="${name}" value="${value}"`);
      }
      expect(await snapshot()).toEqual(before);
    });
  }

  if (asks && ['console.user.erased', 'console.organization.deleted', 'console.sso_provider.deleted'].includes(event)) {
    it('does nothing before the name has been typed', async () => {
      const { path, fields } = await prepare(db.storage, visitor);
      const before = await snapshot();
      const response = await visitor.post(`/admin${path}`, { ...fields, typed: 'something else' });
      expect(response.status).toBe(422);
      expect(textOf(await response.text())).toContain('This is not what was asked for.');
      expect(await snapshot()).toEqual(before);
    });
  }
});

/** The token of a page with a form that this operator is offered. */
async function tokenFor(worker: Visitor): Promise<string> {
  const { cookie, handler } = worker;
  const everything = new Visitor(handler, { ...EVERYTHING, name: `${worker.operator?.name}` });
  everything.cookie = cookie;
  const token = await everything.tokenOf('/admin/sso');
  worker.cookie = everything.cookie;
  return token;
}

describe('if the event cannot be written', () => {
  let broken: Visitor;
  beforeAll(async () => {
    broken = new Visitor(makeConsole(db.storage, { onError: () => undefined }));
    await db.query("ALTER TABLE auth_events ADD CONSTRAINT refused CHECK (type NOT LIKE 'console.%') NOT VALID");
  });
  afterAll(() => db.query('ALTER TABLE auth_events DROP CONSTRAINT refused'));

  it.each(ACTION_CASES)('the action of $event does nothing', async ({ prepare }) => {
    const { path, fields } = await prepare(db.storage, broken);
    const before = await snapshot();
    expect((await broken.post(`/admin${path}`, fields)).status).toBeGreaterThanOrEqual(400);
    expect(await snapshot()).toEqual(before);
  });
});

it('each action has an event of its own and a path of its own', () => {
  expect(new Set(ACTIONS.map(({ event }) => event)).size).toBe(ACTIONS.length);
  expect(new Set(ACTIONS.map(({ path }) => path)).size).toBe(ACTIONS.length);
  for (const { event } of ACTIONS) expect(event).toMatch(/^console(\.[a-z_]+){2}$/);
});

it('an action that cannot be committed leaves no event', async () => {
  const user = await db.storage.createUser(userInput({ name: 'Stays' }));
  await db.query(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$`);
  await db.query(
    'CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON users DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()',
  );
  try {
    const broken = new Visitor(makeConsole(db.storage, { onError: () => undefined }));
    const before = await snapshot();
    expect((await broken.post(`/admin/users/${user.id}/edit`, { name: 'Changes' })).status).toBe(500);
    expect(await snapshot()).toEqual(before);
  } finally {
    await db.query('DROP TRIGGER refuse ON users');
  }
});

describe('what the store refuses', () => {
  it('is said in words, and leaves no event', async () => {
    const [one, other] = [await db.storage.createUser(userInput()), await db.storage.createUser(userInput())];
    const before = await snapshot();
    const response = await visitor.post(`/admin/users/${one.id}/edit`, { email: `${other.email}` });
    expect(response.status).toBe(409);
    expect(textOf(await response.text())).toContain('Another record has the same value (users_email_key).');
    expect(await snapshot()).toEqual(before);
  });

  it('is an edit of what somebody has changed since the page was made', async () => {
    const user = await db.storage.createUser(userInput());
    await db.storage.updateUser(user.id, { name: 'Meanwhile' });
    const fields = { email: `${user.email}`, name: 'Late', seen: user.updatedAt.toISOString() };
    expect((await visitor.post(`/admin/users/${user.id}/edit`, fields)).status).toBe(409);
    expect(await db.storage.getUser(user.id)).toMatchObject({ name: 'Meanwhile' });
  });

  it('is the last owner’s removal, and a member without a seat', async () => {
    const [owner, other] = [await db.storage.createUser(userInput()), await db.storage.createUser(userInput())];
    const { id } = await db.storage.createOrganization(
      organizationInput({ seats: 1, members: [memberInput(owner.id, { role: 'owner' })] }),
    );
    const removed = await visitor.post(`/admin/organizations/${id}/members/remove`, { user: owner.id });
    const added = await visitor.post(`/admin/organizations/${id}/members/add`, { user: other.id, role: 'member' });
    expect([removed.status, added.status]).toEqual([422, 422]);
    expect((await db.storage.getOrganization(id))?.members).toHaveLength(1);
  });
});

describe('what does not belong together', () => {
  it('is not changed: a session, a device or a role that belongs to somebody else', async () => {
    const { storage } = db;
    const [one, other] = [await storage.createUser(userInput()), await storage.createUser(userInput())];
    await storage.createSession(sessionInput(other.id));
    const device = await storage.createTwoFactorDevice({ userId: other.id, method: 'sms' });
    const [mine, theirs] = [
      await storage.createOrganization(organizationInput()),
      await storage.createOrganization(organizationInput()),
    ];
    const role = await storage.createRole(roleInput(theirs.id));
    const sealed = `${/name="session" value="([^"]+)"/.exec(await visitor.read(`/admin/users/${other.id}`))?.[1]}`;
    const before = await snapshot();
    const attempts = await Promise.all([
      visitor.post(`/admin/users/${one.id}/sessions/revoke`, { session: sealed }),
      visitor.post(`/admin/users/${one.id}/devices/delete`, { device: device.id }),
      visitor.post(`/admin/organizations/${mine.id}/roles/${role.id}/delete`),
      visitor.post(`/admin/users/${other.id}/sessions/revoke`, { session: 'AAAA' }),
      visitor.post(`/admin/users/${other.id}/sessions/revoke`, { session: `${sealed.slice(0, -2)}AA` }),
    ]);
    expect(attempts.map(({ status }) => status)).toEqual([404, 404, 404, 404, 404]);
    expect(await snapshot()).toEqual(before);
  });
});

it('a key is shown once: neither its page nor the audit log has it', async () => {
  const user = await db.storage.createUser(userInput());
  const response = await visitor.post('/admin/api-keys/create', { principal: user.id, prefix: 'once', days: '' });
  const key = `${/once_[0-9a-f]{64}/.exec(await response.text())?.[0]}`;
  const [record] = await db.storage.listApiKeys(user.id);
  for (const path of [`/api-keys/${record?.id}`, `/users/${user.id}`, '/events', `/api-keys?principal=${user.id}`]) {
    const page = await visitor.read(`/admin${path}`);
    expect(page).not.toContain(key);
    expect(page).not.toContain(`${record?.hash}`);
  }
});

it('an old key goes on as long as the operator says when it is rotated', async () => {
  const user = await db.storage.createUser(userInput());
  const key = await db.storage.createApiKey(apiKeyInput(user.id, { expiresAt: null }));
  await visitor.post(`/admin/api-keys/${key.id}/rotate`, { overlap: '24' });
  const left = ((await db.storage.getApiKey(key.id))?.expiresAt?.getTime() ?? 0) - Date.now();
  expect(left).toBeGreaterThan(23.9 * 3_600_000);
  expect(left).toBeLessThan(24.1 * 3_600_000);
});

it('after an action the page says that it has been done, in words that no address can choose', async () => {
  const user = await db.storage.createUser(userInput());
  const response = await visitor.post(`/admin/users/${user.id}/sessions/revoke-all`);
  expect(response.status).toBe(303);
  const location = `${response.headers.get('location')}`;
  expect(location).toBe(`/admin/users/${user.id}?done=sessions-revoked`);
  expect(textOf(await visitor.read(location))).toContain('All sessions of the user have been revoked.');
  expect(await visitor.read('/admin/users?done=You+have+won')).not.toContain('You have won');
  expect(await visitor.read('/admin/users?done=__proto__')).not.toContain('role="status"');
});
