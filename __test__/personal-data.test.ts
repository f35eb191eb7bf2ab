/** exportUser() and eraseUser(): what they hold and do, for whom, and beside other calls. personal-data-columns.test.ts has the columns. */
import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { type AdapterOptions, useDatabase } from './helpers/database';
import { expectCode, expectInvalidInput } from './helpers/errors';
import { backendsOf, until, whileLocked } from './helpers/failing';
import { makeWorld, type World } from './helpers/families';
import {
  anHourAgo,
  apiKeyInput,
  emailTokenInput,
  eventInput,
  inMs,
  memberInput,
  oauthLink,
  organizationInput,
  roleInput,
  sessionInput,
  ssoLinkInput,
  totpDeviceInput,
  twoFactorSessionInput,
  unique,
  userInput,
} from './helpers/fixtures';
import { anotherMillisecond } from './helpers/order';
import { race } from './helpers/race';

const db = useDatabase();
let world: World;

beforeAll(async () => {
  world = await makeWorld(db.storage);
});

const count = async (from: string, ...parameters: unknown[]) =>
  Number((await db.query(`SELECT count(*)::int AS n FROM ${from}`, parameters))[0].n);

/** A user with a row of each kind. */
async function makeUser(storage = db.storage) {
  const user = await storage.createUser(userInput({ passwordHash: 'the hash' } as object));
  await storage.linkOAuthAccount(user.id, 'google', oauthLink('google'));
  const organization = await storage.createOrganization(organizationInput({ members: [memberInput(user.id)] }));
  const role = await storage.createRole(roleInput(organization.id));
  await storage.assignRoleToUser(user.id, role.id, organization.id);
  const session = await storage.createSession(sessionInput(user.id, { orgId: organization.id }));
  const apiKey = await storage.createApiKey(apiKeyInput(user.id));
  const token = await storage.createEmailVerificationToken(emailTokenInput({ userId: user.id }));
  await anotherMillisecond();
  const loose = await storage.createEmailVerificationToken(
    emailTokenInput({ email: (user.email as string).toUpperCase(), expiresAt: anHourAgo() }),
  );
  const link = await storage.createSSOLink(ssoLinkInput(user.id, world.providerId));
  const device = await storage.createTwoFactorDevice(totpDeviceInput(user.id));
  await storage.createBackupCodes(user.id, ['a', 'b']);
  const login = await storage.createTwoFactorSession(twoFactorSessionInput(user.id, device.id));
  await storage.emitEvent(eventInput({ principalId: user.id, timestamp: inMs(-1000) }));
  await storage.emitEvent(eventInput({ principalId: user.id, type: 'user.logout' }));
  return { user, organization, role, session, apiKey, token, loose, link, device, login };
}

const POOLED: [string, AdapterOptions][] = [
  ['directly', {}],
  ['through a transaction pooler', { pooler: 'transaction' }],
];

describe('exportUser()', () => {
  it('returns everything about a user as records with Dates, newest first, and without credentials', async () => {
    const { user, organization, role, session, apiKey, token, loose, link, device, login } = await makeUser();
    await anotherMillisecond();
    const second = await db.storage.createSession(sessionInput(user.id));
    const found = await db.storage.exportUser(user.id);
    const without = (record: object, ...fields: string[]) =>
      Object.fromEntries(Object.entries(record).filter(([name]) => !fields.includes(name)));
    expect(found).toStrictEqual({
      user: await db.storage.getUser(user.id),
      hasPassword: true,
      sessions: [second, session].map((each) => without(each, 'id', 'userId')),
      apiKeys: [without(apiKey, 'principalId', 'hash')],
      organizations: [
        {
          orgId: organization.id,
          name: organization.name,
          role: 'member',
          joinedAt: organization.members[0]?.joinedAt,
        },
      ],
      roles: [{ roleId: role.id, orgId: organization.id, name: role.name, assignedAt: expect.any(Date) }],
      emailVerificationTokens: [loose, token].map((each) => ({
        ...without(each, 'id', 'code', 'codeHash', 'userId'),
        attempts: 0,
      })),
      ssoLinks: [link],
      ssoSessions: [],
      twoFactorDevices: [without(device, 'userId', 'secret', 'metadata')],
      backupCodes: [
        { id: expect.any(String), used: false, createdAt: expect.any(Date) },
        { id: expect.any(String), used: false, createdAt: expect.any(Date) },
      ],
      twoFactorSessions: [without(login, 'id', 'userId', 'sessionId', 'verificationCode')],
      events: [
        expect.objectContaining({ type: 'user.logout', id: expect.stringMatching(/^\d+$/), data: { ip: '127.0.0.1' } }),
        expect.objectContaining({ type: 'user.login', timestamp: expect.any(Date) }),
      ],
      incomplete: [],
    });
    expect(JSON.parse(JSON.stringify(found))).toMatchObject({ user: { id: user.id } });
  });

  it('returns null for an unknown user, and the events alone of one that has been deleted', async () => {
    await expect(db.storage.exportUser(unique('nobody'))).resolves.toBeNull();
    await expect(db.storage.exportUser('')).resolves.toBeNull();
    const { user } = await makeUser();
    await db.storage.deleteUser(user.id);
    const found = await db.storage.exportUser(user.id);
    expect(found).toMatchObject({ hasPassword: false, sessions: [], events: [{}, {}], incomplete: [] });
    expect(found).not.toHaveProperty('user');
    await expect(db.storage.exportUser(user.id, { eventLimit: 0 })).resolves.toMatchObject({ incomplete: ['events'] });
  });

  it('returns all events of a user, page after page', async () => {
    const { id } = await db.storage.createUser({});
    // Several have the same time.
    await db.query(
      `INSERT INTO auth_events (type, principal_id, timestamp)
       SELECT n::text, $1, timestamptz '2026-01-01' + (n / 3) * interval '1 ms' FROM generate_series(1, 25) n`,
      [id],
    );
    const seen: string[] = [];
    let eventsBefore: { timestamp: Date; id: string } | undefined;
    for (let page = 0; page < 4; page += 1) {
      const found = await db.storage.exportUser(id, { eventLimit: 7, ...(eventsBefore && { eventsBefore }) });
      expect(found?.user?.id).toBe(id);
      expect(found?.incomplete).toEqual(page < 3 ? ['events'] : []);
      seen.push(...(found?.events ?? []).map(({ type }) => type));
      eventsBefore = found?.events.at(-1);
    }
    expect(seen).toEqual(Array.from({ length: 25 }, (_, at) => `${25 - at}`));
  });

  it('returns 10 000 rows of a kind of which there are more, and names it in `incomplete`', async () => {
    const { id } = await db.storage.createUser({});
    await db.query(
      `INSERT INTO sessions (id, user_id, expires_at) SELECT $1 || n, $1, now() FROM generate_series(1, 10001) n`,
      [id],
    );
    const found = await db.storage.exportUser(id);
    expect(found?.sessions).toHaveLength(10_000);
    expect(found?.incomplete).toEqual(['sessions']);
    await db.storage.deleteUser(id);
  });

  it.each(POOLED)('returns one state of the database although it reads table after table: %s', async (_, options) => {
    const storage = db.adapter({ ...options, application_name: 'exporter', statementTimeoutMs: 0 });
    const { user } = await makeUser();
    await whileLocked(db, 'LOCK TABLE sso_links IN ACCESS EXCLUSIVE MODE', [], async (release) => {
      const exported = storage.exportUser(user.id);
      await until(async () => (await backendsOf(db, 'exporter', { waiting: true })).length > 0);
      await db.storage.createTwoFactorDevice(totpDeviceInput(user.id));
      await db.storage.emitEvent(eventInput({ principalId: user.id }));
      await release();
      await expect(exported).resolves.toMatchObject({ twoFactorDevices: [{}], events: [{}, {}] });
    });
    await expect(storage.exportUser(user.id)).resolves.toMatchObject({
      twoFactorDevices: [{}, {}],
      events: [{}, {}, {}],
    });
  });

  it('rejects wrong options', async () => {
    const rejected: [object, string][] = [
      [{ eventLimit: -1 }, 'eventLimit'],
      [{ eventLimit: 10_001 }, 'eventLimit'],
      [{ eventsBefore: 'x' }, 'eventsBefore'],
      [{ eventsBefore: { timestamp: new Date() } }, 'eventsBefore.id'],
      [{ eventsBefore: { timestamp: new Date(), id: 'x' } }, 'eventsBefore.id'],
      [{ eventsBefore: { timestamp: 'x', id: '1' } }, 'eventsBefore.timestamp'],
      [{ events: 1 }, 'events'],
    ];
    for (const [options, field] of rejected)
      await expectInvalidInput(db.storage.exportUser('x', options as never), field);
  });
});

/** In how many rows of all tables the text stands. */
async function rowsWith(text: string): Promise<Record<string, number>> {
  const tables = await db.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace ORDER BY 1`,
  );
  const counts = await db.query<{ name: string; n: number }>(
    tables
      .map(({ name }) => `SELECT '${name}' AS name, count(*)::int AS n FROM ${name} t WHERE strpos(t::text, $1) > 0`)
      .join(' UNION ALL '),
    [text],
  );
  return Object.fromEntries(counts.filter(({ n }) => n > 0).map(({ name, n }) => [name, n]));
}

describe('eraseUser()', () => {
  it.each(POOLED)('deletes a user with everything about the person: %s', async (_, options) => {
    const storage = db.adapter(options);
    const { user, organization, loose } = await makeUser();
    const other = await db.storage.createUser({});
    const kept = await db.storage.createEmailVerificationToken(
      emailTokenInput({ email: user.email as string, userId: other.id }),
    );
    await storage.eraseUser(user.id, { events: 'delete' });
    expect(await rowsWith(user.id)).toEqual({});
    await expect(db.storage.getEmailVerificationTokenById(loose.id)).resolves.toBeNull();
    expect(await count('email_verification_tokens WHERE id = $1', loose.id)).toBe(0);
    // It belongs to somebody else.
    await expect(db.storage.getEmailVerificationTokenById(kept.id)).resolves.toMatchObject({ id: kept.id });
    await expect(db.storage.getOrganization(organization.id)).resolves.toMatchObject({ members: [] });
    await storage.eraseUser(user.id, { events: 'delete' });
  });

  it('resolves for an unknown user, and still erases the events of one that has been deleted', async () => {
    await expect(db.storage.eraseUser(unique('nobody'), { events: 'delete' })).resolves.toBeUndefined();
    await expect(db.storage.eraseUser('', { events: 'keep' })).resolves.toBeUndefined();
    for (const events of ['pseudonymise', 'delete'] as const) {
      const { user } = await makeUser();
      await db.storage.deleteUser(user.id);
      await db.storage.eraseUser(user.id, { events: 'keep' });
      expect(await rowsWith(user.id)).toEqual({ auth_events: 2 });
      await db.storage.eraseUser(user.id, { events });
      expect(await rowsWith(user.id)).toEqual({});
    }
  });

  it('changes nothing when a part of it fails', async () => {
    const { user } = await makeUser();
    const before = await rowsWith(user.id);
    await db.query(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
      CREATE TRIGGER refuse AFTER DELETE OR UPDATE ON auth_events FOR EACH ROW EXECUTE FUNCTION refuse()`);
    for (const events of ['pseudonymise', 'delete'] as const)
      await expectCode(db.storage.eraseUser(user.id, { events }), 'query_failed', { sqlState: 'P0001' });
    await db.query('DROP FUNCTION refuse CASCADE');
    expect(await rowsWith(user.id)).toEqual(before);
    await db.storage.eraseUser(user.id, { events: 'delete' });
    expect(await rowsWith(user.id)).toEqual({});
  });

  it('erases the events that were committed while it waited for the user', async () => {
    const { user } = await makeUser();
    const storage = db.adapter({ application_name: 'eraser', statementTimeoutMs: 0 });
    await whileLocked(db, 'SELECT FROM users WHERE id = $1 FOR KEY SHARE', [user.id], async (release) => {
      const erased = storage.eraseUser(user.id, { events: 'delete' });
      await until(async () => (await backendsOf(db, 'eraser', { waiting: true })).length > 0);
      await db.storage.emitEvent(eventInput({ principalId: user.id }));
      await db.storage.createEmailVerificationToken(emailTokenInput({ email: user.email as string }));
      await release();
      await erased;
    });
    expect(await rowsWith(user.id)).toEqual({});
    expect(await rowsWith(user.email as string)).toEqual({});
  });

  it.each(['keep', 'pseudonymise', 'delete'] as const)(
    'erases a user of very many rows, with events: %s',
    async (events) => {
      const { user } = await makeUser();
      const { id, email } = user;
      const many = (n: number) => `FROM generate_series(1, ${n}) n`;
      await db.query(`INSERT INTO sessions (id, user_id, expires_at) SELECT $1 || n, $1, now() ${many(2500)}`, [id]);
      await db.query(
        `INSERT INTO email_verification_tokens (id, email, code, code_hash, type, expires_at)
       SELECT $1 || n, lower($2), 'c', 'h', 'login_link', now() ${many(2500)}`,
        [id, email],
      );
      await db.query(
        `INSERT INTO auth_events (type, principal_id, data, timestamp)
       SELECT 'many', $1, '{"a": 1}', now() + n / 7 * interval '1 ms' ${many(12_000)}`,
        [id],
      );
      const storage = db.adapter({ statementTimeoutMs: 3_000 });
      const before = await count('auth_events');
      await storage.eraseUser(id, { events });
      expect(await rowsWith(id)).toEqual(events === 'keep' ? { auth_events: 12_002 } : {});
      expect(await count(`email_verification_tokens WHERE lower(email) = lower($1)`, email)).toBe(0);
      expect(await count('auth_events')).toBe(events === 'delete' ? before - 12_002 : before);
      const pseudonyms = await db.query(
        `SELECT DISTINCT principal_id FROM auth_events WHERE type = 'many' AND data = '{}'`,
      );
      expect(pseudonyms).toHaveLength(events === 'pseudonymise' ? 1 : 0);
      await db.query(`DELETE FROM auth_events WHERE type = 'many'`);
    },
    60_000,
  );

  it.each([64, 256])(
    '%d calls for one user and its rows at once end without an error of the server, and nothing is left',
    async (calls) => {
      const adapters: PostgresStorageAdapter[] = [db.storage, db.adapter({ max: 5 }), db.adapter({ max: 5 })];
      const { user, organization, role } = await makeUser();
      const { id } = user;
      const { rejected } = await race<PostgresStorageAdapter, unknown>(calls, adapters, (storage, at) => {
        const acts: (() => Promise<unknown>)[] = [
          () => storage.eraseUser(id, { events: 'pseudonymise' }),
          () => storage.createSession(sessionInput(id)),
          () => storage.createApiKey(apiKeyInput(id)),
          () => storage.assignRoleToUser(id, role.id, organization.id),
          () => storage.updateOrganization(organization.id, { members: [memberInput(id)] }),
          () => storage.exportUser(id),
          () => storage.deleteUser(id),
          () => storage.updateUser(id, { email: `${unique()}@example.com` }),
        ];
        return (acts[at % acts.length] as () => Promise<unknown>)();
      });
      const codes = new Set(rejected.map(({ code }) => code));
      expect([...codes].filter((code) => !/invalid_reference|not_found/.test(code))).toEqual([]);
      await db.storage.eraseUser(id, { events: 'delete' });
      expect(await rowsWith(id)).toEqual({});
    },
  );

  it('rejects a call that does not say what happens to the events, and deletes nothing', async () => {
    const { user } = await makeUser();
    const erase = db.storage.eraseUser.bind(db.storage) as (id: string, options?: object) => Promise<void>;
    const rejected: [object | undefined, string][] = [
      [undefined, 'events'],
      [{}, 'events'],
      [{ events: null }, 'events'],
      [{ events: 'forget' }, 'events'],
      [{ events: 'delete', sessions: 'keep' }, 'sessions'],
    ];
    for (const [options, field] of rejected) await expectInvalidInput(erase(user.id, options), field);
    await expect(db.storage.getUser(user.id)).resolves.not.toBeNull();
  });
});
