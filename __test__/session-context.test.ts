/** getSessionContext: what it finds, of which organization, and when a session expires afterwards. */
import type { SessionContext } from '@kitiumai/auth-postgres';
import { useDatabase } from './helpers/database';
import { expectInvalidInput } from './helpers/errors';
import {
  inAnHour,
  inMs,
  memberInput,
  oauthLink,
  organizationInput,
  permissionInput,
  roleInput,
  sessionInput,
  unique,
  userInput,
} from './helpers/fixtures';

const db = useDatabase();
const HOUR = 3_600_000;

/** A session of a user who is a member of an organization, with two roles there. */
async function makeSession(session: object = {}) {
  const { storage } = db;
  const user = await storage.createUser(userInput());
  await storage.linkOAuthAccount(user.id, 'google', oauthLink('google'));
  const organization = await storage.createOrganization(organizationInput({ members: [memberInput(user.id)] }));
  const roles = [];
  for (const name of ['reader', 'writer']) {
    const input = roleInput(organization.id, { name, permissions: [permissionInput(), permissionInput()] });
    roles.unshift(await storage.createRole(input));
    await storage.assignRoleToUser(user.id, roles[0]?.id as string, organization.id);
  }
  const { id } = await storage.createSession(sessionInput(user.id, { orgId: organization.id, ...session }));
  return { sessionId: id, userId: user.id, orgId: organization.id, roles };
}

/** The same, of calls of their own. */
async function inSequence(sessionId: string, orgId?: string): Promise<SessionContext | null> {
  const { storage } = db;
  const session = await storage.getSession(sessionId);
  if (session === null) return null;
  const user = await storage.getUser(session.userId);
  const org = orgId ?? session.orgId ?? '';
  const organization = await storage.getOrganization(org);
  const roles = await storage.getUserRoles(session.userId, org);
  return { session, user, ...(organization && { organization }), roles } as SessionContext;
}

describe('getSessionContext', () => {
  it('finds what four calls would find, and the roles in the same order', async () => {
    const { sessionId, roles } = await makeSession();
    const context = await db.storage.getSessionContext(sessionId);
    expect(context).toStrictEqual(await inSequence(sessionId));
    expect(context?.roles).toStrictEqual(roles);
    expect(context?.user.oauth?.google?.linkedAt).toBeInstanceOf(Date);
    expect(context?.organization?.members[0]?.joinedAt).toBeInstanceOf(Date);
  });

  it.each([2, 40])('finds the same for each of %i sessions at once, some of them twice', async (count) => {
    const made = await Promise.all(Array.from({ length: count }, () => makeSession()));
    const ids = [...made, ...made.slice(0, count / 2)].map(({ sessionId }) => sessionId);
    const contexts = await Promise.all(ids.map((id) => db.storage.getSessionContext(id)));
    for (const [at, id] of ids.entries()) expect(contexts[at]).toStrictEqual(await inSequence(id));
  });

  it('has neither organization nor roles for a session without an organization', async () => {
    const { sessionId } = await makeSession({ orgId: null });
    const context = await db.storage.getSessionContext(sessionId);
    expect(context).toStrictEqual(await inSequence(sessionId));
    expect(Object.keys(context ?? {}).sort()).toEqual(['roles', 'session', 'user']);
  });

  it.each([1, 20])('is null for a session that is unknown or has expired, also among %i calls', async (count) => {
    const { sessionId } = await makeSession();
    const { id: expired } = await db.storage.createSession(
      sessionInput((await db.storage.createUser({})).id, { expiresAt: inMs(-1_000) }),
    );
    const ids = ['', unique('none'), expired, `${sessionId}x`];
    for (const options of [{}, { extendTo: inAnHour() }]) {
      const calls = Array.from({ length: count }, (_, at) => ids[at % ids.length] as string);
      const found = await Promise.all(calls.map((id) => db.storage.getSessionContext(id, options)));
      expect(new Set(found)).toEqual(new Set([null]));
    }
    expect(await db.storage.getSession(expired)).toBeNull();
  });

  it.each<[string, object]>([
    ['a session id', {}],
    ['a time', { extendTo: new Date(0) }],
  ])('takes null and undefined for options that are not given, with %s', async (_, options) => {
    const { sessionId } = await makeSession();
    const expected = await inSequence(sessionId);
    for (const given of [null, undefined, { orgId: null, extendTo: null }, { orgId: undefined, ...options }]) {
      expect(await db.storage.getSessionContext(sessionId, given)).toStrictEqual(expected);
    }
  });

  it('rejects wrong options by name, and writes nothing', async () => {
    const { sessionId } = await makeSession();
    const before = await db.storage.getSession(sessionId);
    const wrong: [object, string][] = [
      [{ extendTo: 'soon' }, 'extendTo'],
      [{ extendTo: new Date(Number.NaN) }, 'extendTo'],
      [{ extendTo: 7 }, 'extendTo'],
      [{ extendTo: inMs(2 * HOUR), orgId: 7 }, 'orgId'],
      [{ extendTo: inMs(2 * HOUR), orgId: 'a\0b' }, 'orgId'],
      [{ extendTo: inMs(2 * HOUR), orgID: 'x' }, 'orgID'],
      [{ extendTo: inMs(2 * HOUR), timeoutMs: -1 }, 'timeoutMs'],
    ];
    for (const [options, field] of wrong) {
      await expectInvalidInput(db.storage.getSessionContext(sessionId, options), field);
    }
    expect(await db.storage.getSession(sessionId)).toStrictEqual(before);
  });
});

describe('the organization of a context', () => {
  it('is the one of the call, rather than that of the session', async () => {
    const { sessionId, userId } = await makeSession();
    const { id: orgId } = await db.storage.createOrganization(organizationInput({ members: [memberInput(userId)] }));
    const [here, there] = await Promise.all([
      db.storage.getSessionContext(sessionId),
      db.storage.getSessionContext(sessionId, { orgId }),
    ]);
    expect(here).toStrictEqual(await inSequence(sessionId));
    expect(there).toStrictEqual(await inSequence(sessionId, orgId));
    expect(there?.roles).toEqual([]);
  });

  it('is there for a user who has a role in it without being a member', async () => {
    const { sessionId, orgId, roles } = await makeSession();
    await db.storage.updateOrganization(orgId, { members: [] });
    const context = await db.storage.getSessionContext(sessionId);
    expect(context?.organization?.id).toBe(orgId);
    expect(context?.roles).toStrictEqual(roles);
  });

  it.each([1, 20])(
    'is absent for a user who neither is a member nor has a role, also among %i calls',
    async (count) => {
      const { sessionId, userId, orgId, roles } = await makeSession();
      const other = await makeSession();
      for (const { id } of roles) await db.storage.revokeRoleFromUser(userId, id, orgId);
      await db.storage.updateOrganization(orgId, { members: [memberInput(other.userId)] });
      const asked = [undefined, orgId, other.orgId, unique('none'), ''];
      for (const given of asked) {
        const calls = Array.from({ length: count }, () =>
          db.storage.getSessionContext(sessionId, given === undefined ? {} : { orgId: given }),
        );
        for (const context of await Promise.all(calls)) {
          expect(Object.keys(context ?? {}).sort()).toEqual(['roles', 'session', 'user']);
          expect(context).toMatchObject({ session: { id: sessionId, orgId }, user: { id: userId }, roles: [] });
        }
      }
    },
  );
});

describe('getSessionContext with extendTo', () => {
  const expiryOf = async (id: string) => (await db.storage.getSession(id))?.expiresAt;

  it.each([1, 20])(
    'moves the expiry of each session, and returns the session as it is then, for %i at once',
    async (count) => {
      const made = await Promise.all(Array.from({ length: count }, () => makeSession()));
      const extendTo = inMs(5 * HOUR);
      const contexts = await Promise.all(
        made.map((each) => db.storage.getSessionContext(each.sessionId, { extendTo })),
      );
      for (const [at, { sessionId }] of made.entries()) {
        expect(contexts[at]).toStrictEqual(await inSequence(sessionId));
        expect(contexts[at]?.session.expiresAt).toEqual(extendTo);
      }
    },
  );

  it('never shortens a session, and leaves one alone that expires as late', async () => {
    const { sessionId } = await makeSession({ expiresAt: inMs(3 * HOUR) });
    const before = await inSequence(sessionId);
    const present = before?.session.expiresAt as Date;
    for (const extendTo of [new Date(0), inMs(1), inMs(2 * HOUR), present, present.toISOString()]) {
      expect(await db.storage.getSessionContext(sessionId, { extendTo })).toStrictEqual(before);
    }
    const [row] = await db.query('SELECT xmax::text FROM sessions WHERE id = $1', [sessionId]);
    expect(row).toEqual({ xmax: '0' });
  });

  it('changes the expiry and updatedAt, and nothing else', async () => {
    const { sessionId } = await makeSession();
    const before = await db.storage.getSession(sessionId);
    const extendTo = inMs(2 * HOUR);
    const context = await db.storage.getSessionContext(sessionId, { extendTo });
    expect(context?.session).toStrictEqual({ ...before, expiresAt: extendTo, updatedAt: context?.session.updatedAt });
    expect(context?.session.updatedAt.getTime()).toBeGreaterThanOrEqual(before?.updatedAt.getTime() as number);
  });

  it('does not bring back a session that has expired', async () => {
    const { sessionId } = await makeSession({ expiresAt: inMs(150) });
    await new Promise((resolve) => setTimeout(resolve, 300));
    const calls = Array.from({ length: 20 }, () => db.storage.getSessionContext(sessionId, { extendTo: inAnHour() }));
    expect(new Set(await Promise.all(calls))).toEqual(new Set([null]));
    expect(await expiryOf(sessionId)).toBeUndefined();
  });
});
