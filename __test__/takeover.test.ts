/** A take-over: connect() turns a database of the TypeScript adapter (3.0.x or 3.1.x) into ours, and rollback() turns it back. */
import { CATALOGUE } from './helpers/catalogue';
import { Collector } from './helpers/collector';
import { useDatabase } from './helpers/database';
import { expectCode, expectInvalidInput } from './helpers/errors';
import { apiKeyInput, eventInput, oauthLink, sessionInput, totpDeviceInput, userInput } from './helpers/fixtures';
import { LEGACY_TABLES, type LegacyVersion, legacySchema } from './helpers/legacy';
import { dump, insertLegacy, makeLegacy } from './helpers/legacy-rows';

const created = new Date('2024-02-29T12:34:56.123Z');
const updated = new Date('2024-03-01T08:00:00.500Z');
const future = new Date('2999-01-01T00:00:00.250Z');
const stamped = { createdAt: created, updatedAt: updated };

const fresh = useDatabase();

describe.each<LegacyVersion>(['3.0.x', '3.1.x'])('a database of the TypeScript adapter %s', (version) => {
  const db = useDatabase({ migrated: false });
  let legacy: unknown;
  let rows: Record<string, string[]>;
  const log: { message: string; fields: Record<string, unknown> }[] = [];

  beforeAll(async () => {
    await makeLegacy(db, version);
    legacy = await db.query(CATALOGUE);
    rows = await dump(db);
    const info = (message: string, fields: object) => log.push({ message, fields: { ...fields } });
    const nothing = () => undefined;
    await db.adapter({ logger: { debug: nothing, info, warn: nothing, error: nothing } }).connect();
  });

  it('has the same catalogue as a new installation after the take-over', async () => {
    expect(await db.query(CATALOGUE)).toEqual(await fresh.query(CATALOGUE));
  });

  it('records its version and time zones as a migration', async () => {
    expect(await db.query('SELECT id, checksum FROM auth_migrations ORDER BY id')).toEqual([
      { id: '0000_taken_over', checksum: `${version} server=UTC client=UTC` },
      ...(await fresh.query('SELECT id, checksum FROM auth_migrations ORDER BY id')),
    ]);
    expect((await db.storage.healthCheck()).pendingMigrations).toEqual([]);
  });

  it('logs each step of the take-over by table, without values', () => {
    const steps = log
      .filter(({ message }) => message === 'step done')
      .map(({ fields }) => `${fields.step} ${fields.what}`);
    for (const table of LEGACY_TABLES) expect(steps).toContain(`copying rows ${table}`);
    expect(steps).toContain('building index users_email_key');
    expect(steps).toContain('checking foreign key sessions_user_id_fkey');
    expect(JSON.stringify(log)).not.toMatch(/secret|hash-1|ada@/i);
  });

  it('keeps its users and their OAuth accounts', async () => {
    const user = {
      ...{
        id: 'user-1',
        email: 'Ada@Example.com',
        name: 'Ada',
        plan: 'pro',
        picture: expect.stringMatching(/p{1000}$/),
      },
      entitlements: ['read', 'a "quoted", one'],
      oauth: {
        google: {
          provider: 'google',
          sub: 'g-1',
          email: 'ada@x.org',
          name: 'A',
          linkedAt: new Date('2024-01-02T03:04:05.678Z'),
        },
        'a,b': { provider: 'a,b', sub: 'x}y', linkedAt: new Date('2023-01-02T03:04:05.000Z') },
      },
      metadata: { nested: { list: [1, null, 'zwei'] } },
      ...stamped,
    };
    await expect(db.storage.getUser('user-1')).resolves.toEqual(user);
    await expect(db.storage.getUserByEmail('ADA@example.COM')).resolves.toEqual(user);
    await expect(db.storage.getUserByOAuth('a,b', 'x}y')).resolves.toEqual(user);
    await expect(db.storage.getUser('user-2')).resolves.toEqual({
      ...{ id: 'user-2', email: 'bob@example.com', plan: 'free', entitlements: [], metadata: {} },
      ...{ createdAt: created, updatedAt: created },
    });
    for (const [id, plan] of [
      ['user-3', {}],
      ['user-4', { plan: 'free' }],
    ] as const) {
      await expect(db.storage.getUser(id)).resolves.toEqual({
        id,
        ...plan,
        entitlements: [],
        metadata: {},
        ...stamped,
      });
    }
  });

  it('keeps its organizations, roles and assignments', async () => {
    await expect(db.storage.getOrganization('org-1')).resolves.toEqual({
      ...{ id: 'org-1', name: 'Org', plan: 'team', seats: 5, metadata: { region: 'eu' }, ...stamped },
      members: [
        { userId: 'user-1', role: 'owner', joinedAt: new Date('2024-01-02T03:04:05.678Z') },
        { userId: 'user-2', role: 'member', joinedAt: new Date('2024-02-02T00:00:00.000Z') },
      ],
    });
    await expect(db.storage.getOrganization('org-2')).resolves.toEqual({
      ...{ id: 'org-2', name: 'Empty', plan: 'free', seats: 1, members: [], metadata: {}, ...stamped },
    });
    const role = {
      ...{ id: 'role-1', orgId: 'org-1', name: 'Editor', description: 'Edits', isSystem: true, ...stamped },
      permissions: [{ id: 'p1', name: 'Edit', resource: 'document', action: 'edit' }],
      metadata: { colour: 'blue' },
    };
    await expect(db.storage.getUserRoles('user-1', 'org-1')).resolves.toEqual([role]);
    await expect(db.storage.getRole('role-2')).resolves.toEqual({
      ...{ id: 'role-2', orgId: 'org-1', name: 'Nobody', isSystem: false, permissions: [], metadata: {}, ...stamped },
    });
    expect(await db.query('SELECT id, assigned_at FROM user_roles')).toEqual([
      { id: 'assignment-1', assigned_at: created },
    ]);
  });

  it('keeps its sessions, and its API keys with their principals', async () => {
    await expect(db.storage.getSession('session-1')).resolves.toEqual({
      ...{ id: 'session-1', userId: 'user-1', orgId: 'org-1', plan: 'pro', entitlements: ['read'] },
      ...{ expiresAt: future, metadata: { ip: '127.0.0.1' }, ...stamped },
    });
    await expect(db.storage.getSession('session-2')).resolves.toEqual({
      ...{ id: 'session-2', userId: 'user-2', entitlements: [], expiresAt: future, metadata: {}, ...stamped },
    });
    await expect(db.storage.getApiKeyByHash('hash-1')).resolves.toEqual({
      ...{ id: 'key-1', principalId: 'user-1', hash: 'hash-1', prefix: 'kit', lastFour: 'abcd', scopes: ['read'] },
      ...{ metadata: { name: 'cli' }, expiresAt: future, ...stamped },
    });
    const second = version === '3.0.x' ? 'org-1' : 'user-2';
    await expect(db.storage.listApiKeys(second)).resolves.toEqual([
      {
        ...{ id: 'key-2', principalId: second, hash: 'hash-2', prefix: 'kit', lastFour: 'wxyz', scopes: [] },
        ...{ metadata: {}, ...stamped },
      },
    ]);
  });

  it('keeps its e-mail tokens and their attempts', async () => {
    await expect(db.storage.getEmailVerificationTokenById('token-1')).resolves.toEqual({
      ...{ id: 'token-1', email: 'Ada@Example.com', code: 'code', codeHash: 'code-hash', type: 'login_link' },
      ...{ userId: 'user-1', metadata: { ip: '::1' }, expiresAt: future, usedAt: updated, createdAt: created },
    });
    await expect(db.storage.getEmailVerificationTokens('NEW@example.com')).resolves.toEqual([
      {
        ...{ id: 'token-2', email: 'new@example.com', code: 'c', codeHash: 'h', type: 'verify_email', metadata: {} },
        ...{ expiresAt: future, createdAt: created },
      },
    ]);
    await expect(db.storage.getEmailVerificationTokenAttempts('token-2')).resolves.toBe(3);
  });

  it('keeps its SSO providers, links and sessions, and fields of the other protocol stay absent', async () => {
    await expect(db.storage.listSSOProviders('org-1')).resolves.toEqual([
      {
        ...{ id: 'saml-1', type: 'saml', name: 'SAML', idp_entity_id: 'idp', idp_sso_url: 'https://idp/sso' },
        ...{
          idp_slo_url: 'https://idp/slo',
          idp_certificate: 'CERT',
          sp_entity_id: 'sp',
          sp_acs_url: 'https://sp/acs',
        },
        ...{ sp_slo_url: 'https://sp/slo', signing_cert: 'SC', signing_key: 'SK', encryption_enabled: true },
        ...{ force_authn: false, attribute_mapping: { email: 'mail' }, metadata: {}, ...stamped },
      },
      {
        ...{ id: 'oidc-1', type: 'oidc', name: 'OIDC', orgId: 'org-1', metadata_url: 'https://idp/.well-known' },
        ...{ client_id: 'client', client_secret: 'secret', token_endpoint_auth_method: 'client_secret_post' },
        ...{ scopes: ['openid'], redirect_uris: ['https://app/cb'], claim_mapping: { email: 'mail' } },
        ...{ metadata: { tier: 'gold' }, ...stamped },
      },
    ]);
    await expect(db.storage.getSSOLink('link-1')).resolves.toEqual({
      ...{ id: 'link-1', userId: 'user-1', providerId: 'oidc-1', providerType: 'oidc', providerSubject: 's-1' },
      ...{ providerEmail: 'ada@idp', autoProvisioned: true, metadata: { department: 'R&D' } },
      ...{ linkedAt: created, lastAuthAt: updated },
    });
    await expect(db.storage.getUserSSOLinks('user-2')).resolves.toEqual([
      {
        ...{ id: 'link-2', userId: 'user-2', providerId: 'oidc-1', providerType: 'oauth', providerSubject: 's-2' },
        ...{ autoProvisioned: false, metadata: {}, linkedAt: created, lastAuthAt: created },
      },
    ]);
    await expect(db.storage.getSSOSession('sso-1')).resolves.toEqual({
      ...{ id: 'sso-1', userId: 'user-1', providerId: 'saml-1', providerType: 'saml', providerSubject: 's-1' },
      ...{ sessionToken: 'token', expiresAt: future, linkedAt: created, lastAuthAt: updated },
    });
  });

  it('keeps its two-factor devices, codes and sessions', async () => {
    await expect(db.storage.listTwoFactorDevices('user-1')).resolves.toEqual([
      { id: 'device-2', userId: 'user-1', method: 'totp', verified: false, metadata: {}, ...stamped },
      {
        ...{ id: 'device-1', userId: 'user-1', method: 'sms', name: 'Phone', verified: true, phoneNumber: '+1555' },
        ...{ secret: 'S', lastUsedAt: updated, metadata: { verificationCode: 'x', nothing: null }, ...stamped },
      },
    ]);
    await expect(db.storage.getBackupCodes('user-1')).resolves.toEqual([
      { id: 'code-a', userId: 'user-1', code: 'a', used: false, createdAt: created },
      { id: 'code-b', userId: 'user-1', code: 'b', used: true, usedAt: updated, createdAt: created },
    ]);
    await expect(db.storage.getTwoFactorSession('tfa-1')).resolves.toEqual({
      ...{ id: 'tfa-1', userId: 'user-1', sessionId: 'login', deviceId: 'device-1', method: 'sms' },
      ...{ verificationCode: '123456', attemptCount: 2, maxAttempts: 3, expiresAt: future },
      ...{ createdAt: created, completedAt: updated },
    });
    await expect(db.storage.getTwoFactorSession('tfa-2')).resolves.toMatchObject({ attemptCount: 0, maxAttempts: 5 });
  });

  it('keeps its events, and new ids continue and may exceed 32 bits', async () => {
    expect(await db.query('SELECT id, principal_id, data, timestamp FROM auth_events ORDER BY id')).toEqual([
      { id: '1', principal_id: 'gone', data: { ip: '127.0.0.1' }, timestamp: updated },
      { id: '40', principal_id: 'user-1', data: {}, timestamp: updated },
    ]);
    await db.storage.emitEvent(eventInput({ principalId: 'first' }));
    expect(await db.query(`SELECT id FROM auth_events WHERE principal_id = 'first'`)).toEqual([{ id: '43' }]);
    await db.query(`ALTER SEQUENCE auth_events_id_seq RESTART WITH 2147483648`);
    await db.storage.emitEvent(eventInput({ principalId: 'large' }));
    expect(await db.query(`SELECT id FROM auth_events WHERE principal_id = 'large'`)).toEqual([{ id: '2147483648' }]);
  });

  it('enforces the new rules after the take-over', async () => {
    await expectCode(db.storage.createUser(userInput({ email: 'ADA@EXAMPLE.COM' })), 'conflict', { field: 'email' });
    await expectCode(db.storage.linkOAuthAccount('user-2', 'google', oauthLink('google', { sub: 'g-1' })), 'conflict');
    await expectCode(db.storage.createSession(sessionInput('nobody')), 'invalid_reference', { field: 'userId' });
    await expectCode(db.storage.createApiKey(apiKeyInput('nobody')), 'invalid_reference');
    await expect(
      db.query(`UPDATE organizations SET members = '[{"userId": "nobody", "role": "owner"}]' WHERE id = 'org-2'`),
    ).rejects.toThrow('organization_members_user_id_fkey');
  });

  it('is restored by a rollback, with rows written before and after the take-over', async () => {
    const user = await db.storage.createUser(userInput({ metadata: {} }));
    await db.storage.linkOAuthAccount(user.id, 'google', oauthLink('google'));
    await db.storage.createTwoFactorDevice(
      totpDeviceInput(user.id, { id: 'device-9', metadata: { a: 1 }, backupCodesUsed: 2 }),
    );
    await db.storage.updateSSOProvider('oidc-1', { response_type: 'code', colour: 'blue' });
    await db.query('DELETE FROM auth_events WHERE id > 100');

    await expect(db.storage.rollback({ to: null, dropData: true })).resolves.toEqual(
      expect.arrayContaining(['0000_taken_over']),
    );
    expect(await db.query(CATALOGUE)).toEqual(legacy);
    const back = await dump(db);
    // The same, but times are cut to milliseconds and NULLs have become defaults.
    const normal = (table: string[]) =>
      table.map((row) => row.replaceAll(/(?<=\.123)456/g, '').replaceAll(/"(\w+)": null/g, '"$1": …'));
    expect(normal(back.sessions as string[])[0]).toEqual(normal(rows.sessions as string[])[0]);
    for (const table of [
      'organizations',
      'api_keys',
      'roles',
      'user_roles',
      'sso_links',
      'sso_sessions',
      'twofa_sessions',
    ]) {
      expect(normal(back[table] as string[])[0]).toEqual(normal(rows[table] as string[])[0]);
    }
    expect(back.users).toHaveLength(5);
    expect(
      JSON.parse(
        (await db.query<{ m: string }>(`SELECT metadata::text AS m FROM twofa_devices WHERE id = 'device-9'`))[0]?.m ??
          '',
      ),
    ).toEqual({ a: 1, backupCodesUsed: 2 });
    expect(await db.query(`SELECT metadata FROM sso_providers WHERE id = 'oidc-1'`)).toEqual([
      { metadata: { tier: 'gold', response_type: 'code', colour: 'blue' } },
    ]);
    // The insert that the TypeScript adapter would make.
    const [event] = await db.query(
      `INSERT INTO auth_events (type, principal_id, data, timestamp) VALUES ('x', 'y', '{}', now()) RETURNING id`,
    );
    expect(event).toEqual({ id: expect.any(Number) });

    await db.query('DELETE FROM auth_events WHERE id = $1', [event.id]);
    await db.storage.connect();
    expect(await db.query(CATALOGUE)).toEqual(await fresh.query(CATALOGUE));
    await expect(db.storage.getUser(user.id)).resolves.toMatchObject({ email: user.email, createdAt: user.createdAt });
  });
});

describe('SAML providers in the shape of the library’s type SAMLProvider', () => {
  const db = useDatabase({ migrated: false });

  it('are taken over with the fields that 3.x kept in metadata, and restored by a rollback', async () => {
    await makeLegacy(db, '3.0.x');
    const shape = { enabled: true, entryPoint: 'https://idp/sso', issuer: 'app', cert: 'CERT' };
    await insertLegacy(db, 'sso_providers', { id: 'adfs-1', type: 'saml', name: 'Without' });
    await insertLegacy(db, 'sso_providers', {
      id: 'adfs-2',
      type: 'saml',
      name: 'With',
      metadata: { ...shape, tier: 1 },
    });
    await insertLegacy(db, 'sso_providers', { id: 'adfs-3', type: 'saml', name: 'Odd', metadata: { cert: 7 } });
    await db.storage.connect();
    expect(await db.query(CATALOGUE)).toEqual(await fresh.query(CATALOGUE));
    await expect(db.storage.getSSOProvider('adfs-1')).resolves.toEqual({
      ...{ id: 'adfs-1', type: 'saml', name: 'Without', metadata: {}, encryption_enabled: false, force_authn: false },
      ...{ attribute_mapping: {}, createdAt: expect.any(Date), updatedAt: expect.any(Date) },
    });
    await expect(db.storage.getSSOProvider('adfs-2')).resolves.toMatchObject({
      ...shape,
      metadata: { ...shape, tier: 1 },
    });
    expect(await db.storage.getSSOProvider('adfs-3')).not.toHaveProperty('cert');
    // The fields that are missing can be set by one or several updates.
    await expect(db.storage.updateSSOProvider('adfs-1', { name: 'Renamed' })).resolves.toMatchObject({
      name: 'Renamed',
    });
    await expect(db.storage.updateSSOProvider('adfs-1', shape)).resolves.toMatchObject(shape);
    await expectInvalidInput(db.storage.updateSSOProvider('adfs-1', { cert: null }), 'cert');

    await db.storage.rollback({ to: null });
    expect(await db.query(`SELECT name, metadata FROM sso_providers WHERE id = 'adfs-1'`)).toEqual([
      { name: 'Renamed', metadata: shape },
    ]);
    await db.storage.connect();
    await expect(db.storage.getSSOProvider('adfs-1')).resolves.toMatchObject(shape);
  });
});

describe('indexes that a process of 3.x has made again', () => {
  const db = useDatabase();
  const warnings = async () => {
    const logger = new Collector();
    const storage = db.adapter({ logger });
    await storage.connect();
    await storage.connect();
    await expect(storage.healthCheck()).resolves.toMatchObject({ status: 'ok' });
    return logger.lines.filter(({ level }) => level === 'warn');
  };

  it('are told of once by connect(), with what to do', async () => {
    await db.query('CREATE INDEX idx_of_the_application ON sessions (plan)');
    expect(await warnings()).toEqual([]);
    const again = legacySchema('3.0.x')
      .split(';\n')
      .filter((statement) => statement.startsWith('CREATE INDEX'));
    const names = again.map((statement) => statement.split(' ')[2] as string);
    expect(names).toContain('idx_sessions_expires_at');
    for (const statement of again) await db.query(statement);

    const [warning, ...more] = await warnings();
    expect(more).toEqual([]);
    expect(String(warning?.fields.indexes).split(', ').sort()).toEqual([...names].sort());
    await db.query(/DROP INDEX .*/.exec(warning?.message ?? '')?.[0] as string);
    expect(await warnings()).toEqual([]);
    expect(await db.query(`SELECT 1 FROM pg_class WHERE relname = 'idx_of_the_application'`)).toHaveLength(1);
  });
});
