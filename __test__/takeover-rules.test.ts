/** A take-over stops with a report if rows of 3.x violate a rule of our tables, and the guide says how to repair them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CATALOGUE } from './helpers/catalogue';
import { useDatabase } from './helpers/database';
import { expectCode } from './helpers/errors';
import { inAnHour, organizationInput, tenantSamlInput, twoFactorSessionInput, userInput } from './helpers/fixtures';
import { CREATED, dump, FUTURE, insertLegacy, legacyRows, makeLegacy, type Row } from './helpers/legacy-rows';
import { MIGRATIONS } from './helpers/migrations';

const user = (id: string, more: Row = {}) => ['users', { id, ...more }] as const;
const session = (id: string, more: Row = {}) =>
  ['sessions', { id, user_id: 'user-1', expires_at: FUTURE, ...more }] as const;
const device = (id: string, more: Row = {}) =>
  ['twofa_devices', { id, user_id: 'user-1', method: 'totp', ...more }] as const;
const link = (id: string, more: Row = {}) =>
  [
    'sso_links',
    { id, user_id: 'user-1', provider_id: 'oidc-1', provider_type: 'oidc', provider_subject: id, ...more },
  ] as const;
const assignment = (id: string, more: Row = {}) =>
  ['user_roles', { id, user_id: 'user-1', role_id: 'role-2', org_id: 'org-1', ...more }] as const;
const organization = (id: string, members: unknown, seats = 5) =>
  ['organizations', { id, name: 'x', plan: 'x', seats, members }] as const;
const member = (userId: string, role = 'member') => ({ userId, role, joinedAt: '2024-01-01T00:00:00.000Z' });
const token = (id: string, more: Row = {}) =>
  [
    'email_verification_tokens',
    { id, email: 'x', code: 'x', code_hash: 'x', type: 'login_link', expires_at: FUTURE, ...more },
  ] as const;
const key = (id: string, principal_id: string, more: Row = {}) =>
  ['api_keys', { id, principal_id, hash: `hash of ${id}`, prefix: 'p', last_four: 'abcd', ...more }] as const;
const provider = (id: string, more: Row = {}) =>
  [
    'sso_providers',
    { id, name: 'x', type: 'oidc', metadata_url: 'x', client_id: 'x', client_secret: 'SECRET', ...more },
  ] as const;
const ssoSession = (id: string, more: Row = {}) =>
  [
    'sso_sessions',
    {
      id,
      user_id: 'user-1',
      provider_id: 'oidc-1',
      provider_type: 'oidc',
      provider_subject: 'x',
      expires_at: FUTURE,
      ...more,
    },
  ] as const;
const loginWithCode = (id: string, more: Row = {}) =>
  [
    'twofa_sessions',
    { id, user_id: 'user-1', session_id: 'x', device_id: 'device-1', method: 'sms', expires_at: FUTURE, ...more },
  ] as const;

/** Tables whose ids open something. */
const OPENING = /sessions$|tokens$/;
/** An id as the report may show it. */
const shown = (table: string, id: string) =>
  OPENING.test(table) ? `${id.slice(0, Math.min(8, Math.floor(id.length / 3)))}…` : id;

/** Each rule, with rows that break it, and the ids that the report must name. */
const BREAKERS: [rule: string, table: string, ids: string[], rows: (readonly [string, Row])[]][] = [
  [
    'users_email_key',
    'users',
    ['mail-1', 'mail-2'],
    [user('mail-1', { email: 'x@Y.z' }), user('mail-2', { email: 'X@y.z' })],
  ],
  [
    'users_oauth_check',
    'users',
    ['oauth-1', 'oauth-2', 'oauth-3'],
    [
      user('oauth-1', { oauth: '[]' }),
      user('oauth-2', { oauth: { google: { provider: 'google' } } }),
      user('oauth-3', { oauth: { google: { provider: 'other', sub: 's' } } }),
    ],
  ],
  [
    'user_oauth_accounts_pkey',
    'users',
    ['pair-1', 'user-1'],
    [user('pair-1', { oauth: { google: { provider: 'google', sub: 'g-1' } } })],
  ],
  ['key_length', 'users', ['long-1'], [user('long-1', { oauth: { p: { provider: 'p', sub: 's'.repeat(1025) } } })]],
  [
    'organizations_members_check',
    'organizations',
    ['members-1', 'members-2'],
    [organization('members-1', { a: 1 }), organization('members-2', [member('user-1', 'guest')])],
  ],
  [
    'organizations_seats_check',
    'organizations',
    ['seats-1', 'seats-2'],
    [organization('seats-1', [member('user-1')], 0), organization('seats-2', 'null', -1)],
  ],
  [
    'organization_members_pkey',
    'organizations',
    ['twice-1'],
    [organization('twice-1', [member('user-1'), member('user-1')])],
  ],
  ['organization_members_user_id_fkey', 'organizations', ['gone-1'], [organization('gone-1', [member('nobody')])]],
  [
    'api_keys_principal_check',
    'api_keys',
    ['key-both', 'key-gone'],
    [key('key-gone', 'a service'), user('both'), organization('both', '[]'), key('key-both', 'both')],
  ],
  [
    'sessions_user_id_fkey',
    'sessions',
    ['session-a', 'session-b'],
    [session('session-a', { user_id: 'nobody' }), session('session-b', { user_id: 'nobody' })],
  ],
  ['sessions_org_id_fkey', 'sessions', ['session-c'], [session('session-c', { org_id: 'nowhere' })]],
  [
    'email_verification_tokens_user_id_fkey',
    'email_verification_tokens',
    ['token-a'],
    [token('token-a', { user_id: 'nobody' })],
  ],
  [
    'email_verification_tokens_type_check',
    'email_verification_tokens',
    ['token-b'],
    [token('token-b', { type: 'magic' })],
  ],
  ['roles_org_id_fkey', 'roles', ['role-a'], [['roles', { id: 'role-a', org_id: 'nowhere', name: 'x' }]]],
  ['user_roles_user_id_fkey', 'user_roles', ['assigned-a'], [assignment('assigned-a', { user_id: 'nobody' })]],
  [
    'user_roles_org_id_fkey',
    'user_roles',
    ['assigned-b'],
    [assignment('assigned-b', { role_id: 'role-a', org_id: 'nowhere' })],
  ],
  ['user_roles_role_id_fkey', 'user_roles', ['assigned-c'], [assignment('assigned-c', { org_id: 'org-2' })]],
  [
    'user_roles_user_id_role_id_key',
    'user_roles',
    ['assigned-d', 'assignment-1'],
    [assignment('assigned-d', { role_id: 'role-1' })],
  ],
  ['sso_providers_org_id_fkey', 'sso_providers', ['provider-a'], [provider('provider-a', { org_id: 'nowhere' })]],
  ['sso_providers_type_check', 'sso_providers', ['provider-b'], [provider('provider-b', { type: 'oauth' })]],
  [
    'sso_providers_protocol_check',
    'sso_providers',
    ['provider-c', 'provider-d'],
    [provider('provider-c', { client_id: null }), provider('provider-d', { type: 'saml' })],
  ],
  ['sso_links_user_id_fkey', 'sso_links', ['link-a'], [link('link-a', { user_id: 'nobody' })]],
  [
    'sso_links_provider_id_provider_subject_key',
    'sso_links',
    ['link-1', 'link-b'],
    [link('link-b', { provider_subject: 's-1' })],
  ],
  ['sso_links_provider_type_check', 'sso_links', ['link-c'], [link('link-c', { provider_type: 'ldap' })]],
  ['sso_sessions_user_id_fkey', 'sso_sessions', ['sso-a'], [ssoSession('sso-a', { user_id: 'nobody' })]],
  ['sso_sessions_provider_type_check', 'sso_sessions', ['sso-b'], [ssoSession('sso-b', { provider_type: 'ldap' })]],
  ['twofa_devices_user_id_fkey', 'twofa_devices', ['device-a'], [device('device-a', { user_id: 'nobody' })]],
  ['twofa_devices_method_check', 'twofa_devices', ['device-b'], [device('device-b', { method: 'u2f' })]],
  [
    'twofa_backup_codes_user_id_fkey',
    'twofa_backup_codes',
    ['code-x'],
    [['twofa_backup_codes', { id: 'code-x', user_id: 'nobody', code: 'x' }]],
  ],
  ['twofa_sessions_user_id_fkey', 'twofa_sessions', ['tfa-a'], [loginWithCode('tfa-a', { user_id: 'nobody' })]],
  ['twofa_sessions_device_id_fkey', 'twofa_sessions', ['tfa-b'], [loginWithCode('tfa-b', { device_id: 'gone' })]],
  ['twofa_sessions_method_check', 'twofa_sessions', ['tfa-c'], [loginWithCode('tfa-c', { method: 'u2f' })]],
  ['time_range', 'sessions', ['session-d'], [session('session-d', { expires_at: 'infinity' })]],
  ['time_range', 'api_keys', ['key-time'], [key('key-time', 'user-1', { expires_at: '-infinity' })]],
  [
    'time_range',
    'auth_events',
    ['7'],
    [['auth_events', { id: 7, type: 'x', principal_id: 'x', timestamp: '20000-01-01' }]],
  ],
  ['list_items', 'users', ['list-1'], [user('list-1', { entitlements: ['a', null] })]],
  [
    'list_items',
    'sessions',
    ['list-2', 'list-3'],
    [session('list-2', { entitlements: '[0:1]={a,b}' }), session('list-3', { entitlements: '{{a,b},{c,d}}' })],
  ],
];

describe('rows of an old database that violate a rule', () => {
  const db = useDatabase({ migrated: false });
  const fresh = useDatabase();

  it('stop the take-over with one report of all of them, and nothing is changed', async () => {
    await makeLegacy(db, '3.0.x');
    for (const [table, row] of BREAKERS.flatMap(([, , , rows]) => rows)) await insertLegacy(db, table, row);
    const before = [await db.query(CATALOGUE), await dump(db)];
    const error = await expectCode(db.storage.connect(), 'migration_failed', { migration: '0000_taken_over' });
    const found = error.context.violations?.map(({ rule, table, ids, count }) => ({ rule, table, ids, count }));
    const order = <T extends { rule: string; table: string }>(list: T[] | undefined) =>
      list?.sort((a, b) => (a.table + a.rule < b.table + b.rule ? -1 : 1));
    expect(order(found)).toEqual(
      order(
        BREAKERS.map(([rule, table, ids]) => ({
          ...{ rule, table, count: ids.length },
          ids: ids.map((id) => shown(table, id)),
        })),
      ),
    );
    for (const [rule, table, ids] of BREAKERS) {
      expect(error.message).toContain(`(${rule}, ${ids.length} rows: ${ids.map((id) => shown(table, id)).join(', ')})`);
      if (OPENING.test(table)) for (const id of ids) expect(JSON.stringify(error)).not.toContain(id);
      expect(error.message).toContain(`${table}: `);
    }
    expect(error.message).toContain('nothing was changed');
    expect(JSON.stringify(error)).not.toMatch(/SECRET|hash of|X@y.z/);
    expect([await db.query(CATALOGUE), await dump(db)]).toEqual(before);
    expect((await db.adapter().healthCheck()).pendingMigrations).toEqual(MIGRATIONS);
  });

  it('are listed up to 20 a rule, with their total', async () => {
    await db.query(`DELETE FROM sessions WHERE id LIKE 'session-_' AND id > 'session-a'`);
    await db.query(
      `INSERT INTO sessions (id, user_id, expires_at) SELECT 'many-' || lpad(n::text, 3, '0'), 'nobody', now() FROM generate_series(1, 500) n`,
    );
    const error = await expectCode(db.storage.connect(), 'migration_failed');
    const broken = error.context.violations?.find(({ rule }) => rule === 'sessions_user_id_fkey');
    expect(broken?.count).toBe(501);
    expect(broken?.ids).toHaveLength(20);
    expect(error.message).toContain('501 rows: ma…, ma…');
    expect(error.message.length).toBeLessThan(20_000);
  });

  it('are searched for by every rule that the old tables do not enforce', async () => {
    const rules = readFileSync(join(__dirname, '..', 'migrations', 'legacy', 'take_over.rules.sql'), 'utf8');
    const enforced = await fresh.query<{ name: string }>(
      `SELECT conname AS name FROM pg_constraint
        WHERE connamespace = current_schema()::regnamespace AND contype IN ('f', 'u', 'p', 'c') AND conrelid <> 'auth_migrations'::regclass
          -- What a partition has is its table's.
          AND NOT (SELECT relispartition FROM pg_class c WHERE c.oid = conrelid)
        UNION
       SELECT indexrelid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
        WHERE indisunique AND c.relnamespace = current_schema()::regnamespace AND c.relname <> 'auth_migrations'
          AND NOT c.relispartition
        ORDER BY 1`,
    );
    const unlisted = enforced.map(({ name }) => name).filter((name) => !rules.includes(`'${name}'`));
    expect(unlisted).toEqual(
      [
        // Held by the legacy tables: primary keys, a hash, and what hangs on providers and tokens.
        ...['api_keys_hash_key', 'api_keys_pkey', 'auth_events_pkey'],
        ...['email_verification_token_attempts_pkey', 'email_verification_token_attempts_token_id_fkey'],
        ...[
          'email_verification_tokens_pkey',
          'organizations_pkey',
          'roles_id_org_id_key',
          'roles_pkey',
          'sessions_pkey',
        ],
        ...['sso_links_pkey', 'sso_links_provider_id_fkey', 'sso_providers_pkey', 'sso_sessions_pkey'],
        ...['sso_sessions_provider_id_fkey', 'twofa_backup_codes_pkey', 'twofa_devices_pkey', 'twofa_sessions_pkey'],
        ...['user_roles_pkey', 'users_pkey'],
        // Part of `time_range`.
        ...['api_keys_expires_at_check', 'email_verification_tokens_expires_at_check', 'sessions_expires_at_check'],
        ...['sso_sessions_expires_at_check', 'twofa_sessions_expires_at_check'],
        // Part of `api_keys_principal_check`.
        ...['api_keys_principal_org_id_fkey', 'api_keys_principal_user_id_fkey'],
        // Made from rows that are there, or empty.
        ...['organization_members_org_id_fkey', 'tenant_saml_configs_pkey', 'user_oauth_accounts_user_id_fkey'],
        ...['user_oauth_accounts_user_id_provider_key', 'password_hashes_pkey', 'password_hashes_user_id_fkey'],
        // Of a table that the application has no rows for.
        ...['auth_sweeps_name_check', 'auth_sweeps_pkey'],
        ...['twofa_steps_pkey', 'twofa_steps_device_id_fkey', 'twofa_steps_step_check'],
        // Of a column that is always NULL.
        ...['organizations_dump_after_user_id_check', 'organizations_dump_after_user_id_fkey'],
      ].sort(),
    );
  });

  it('no longer stop the take-over once the guide’s repairs were run', async () => {
    for (const statement of repairs()) await db.query(statement);
    await db.storage.connect();
    expect(await db.query(CATALOGUE)).toEqual(await fresh.query(CATALOGUE));
  });
});

const GUIDE = readFileSync(join(__dirname, '..', 'docs', 'upgrading.md'), 'utf8');

/** The SQL that a part of the upgrading guide shows, in its order. */
const sqlOf = (part: string) => [...part.matchAll(/```sql\n(.*?)```/gs)].map(([, sql]) => sql as string);

/** The repairs that the upgrading guide shows, in its order. */
function repairs(): string[] {
  const blocks = sqlOf(GUIDE);
  expect(blocks.length).toBeGreaterThan(10);
  return blocks;
}

/** Each kind of repair in the guide: the rules that it names (`…` stands for any text), and its SQL. */
const KINDS = [...(/## Rows that stop it\n(.*?)\n## /s.exec(GUIDE)?.[1] ?? '').split(/\n(?=\*\*)/)]
  .map((part) => ({
    title: /^\*\*(.+?)\*\*/s.exec(part)?.[1]?.replace(/\s+/g, ' '),
    rules: [...part.matchAll(/`([a-z_…]+)`/g)].map(([, rule]) => rule as string),
    statements: sqlOf(part),
  }))
  .filter(({ statements }) => statements.length > 0);

/** Rows that break the same rules in odder ways. */
const ODDER: Record<string, (readonly [string, Row])[]> = {
  users_email_key: [
    user('mail-3', { email: 'X@Y.z', created_at: CREATED }),
    user('mail-4', { email: 'x@y.Z', created_at: CREATED }),
    user('l'.repeat(250), { email: 'x@Y.Z' }),
  ],
  users_oauth_check: [
    user('oauth-4', { oauth: '"text"' }),
    user('oauth-5', { oauth: { google: 'text', 'a,b': null } }),
    user('oauth-6', { oauth: { google: { provider: null, sub: 's-6' } } }),
    user('oauth-7', { oauth: { 5: { provider: 5, sub: 's-7' }, good: { sub: 's-7' } } }),
    user('oauth-8', { oauth: { google: { provider: 'google', sub: 8 } } }),
  ],
  user_oauth_accounts_pkey: [
    user('pair-2', { oauth: { google: { provider: 'google', sub: 'g-1' }, other: { sub: 'o' } } }),
    user('pair-3', { oauth: { google: { provider: 'google', sub: 'g-1' }, other: { sub: 'o' } } }),
    user('pair-4', { oauth: 'null' }),
  ],
  organizations_members_check: [
    organization('members-3', [null, 'user-1', [], { role: 'owner' }, member('user-1')]),
    organization('members-4', '"text"'),
    user('5'),
    organization('members-5', [{ userId: 5, role: 'member' }]),
  ],
  organization_members_pkey: [
    organization('twice-2', [member('user-1', 'owner'), member('user-2'), member('user-1'), member('user-2')]),
  ],
  user_roles_user_id_role_id_key: [assignment('assigned-e', { role_id: 'role-1' })],
  sso_links_provider_id_provider_subject_key: [
    link('link-d', { provider_subject: 's-1', linked_at: CREATED }),
    link('link-e', { provider_subject: 's-1', linked_at: CREATED }),
  ],
  list_items: [
    user('list-4', { entitlements: '{{a,NULL},{NULL,b}}' }),
    key('list-5', 'user-1', { scopes: '[3:4]={NULL,a}' }),
    provider('list-6', { scopes: ['a', null], redirect_uris: '{{a},{b}}' }),
  ],
};

describe('the repairs of the guide, each kind by itself,', () => {
  const db = useDatabase({ migrated: false });

  const kindOf = (rule: string) =>
    KINDS.find(({ rules }) => rules.includes(rule)) ??
    KINDS.find(({ rules }) => rules.some((each) => new RegExp(`^${each.replace('…', '.*')}$`).test(rule)));

  it('cover every rule but that of time zones', () => {
    expect(BREAKERS.map(([rule]) => rule).filter((rule) => !kindOf(rule))).toEqual([]);
    expect(Object.keys(ODDER).filter((rule) => !kindOf(rule))).toEqual([]);
  });

  it.each(KINDS)('$title', async (kind) => {
    await db.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
    await makeLegacy(db, '3.0.x');
    const broken = BREAKERS.filter(([rule]) => kindOf(rule) === kind);
    expect(broken.length).toBeGreaterThan(0);
    const odder = [...new Set(broken.map(([rule]) => rule))].flatMap((rule) => ODDER[rule] ?? []);
    const rows = [...broken.flatMap(([, , , given]) => given), ...odder];
    for (const [table, row] of rows) await insertLegacy(db, table, row);
    const storage = db.adapter();
    const error = await expectCode(storage.connect(), 'migration_failed');
    const found = new Set(error.context.violations?.map(({ rule }) => rule));
    expect(broken.map(([rule]) => rule).filter((rule) => !found.has(rule))).toEqual([]);

    for (const statement of kind.statements) await db.query(statement);
    await storage.connect();
    await storage.disconnect();
  });
});

describe('rows without a place in the tables of 3.1.x', () => {
  const db = useDatabase({ migrated: false });

  it('stop a rollback to that version with one report, and nothing is changed', async () => {
    await makeLegacy(db, '3.1.x');
    await db.storage.connect();
    const { id: orgId } = await db.storage.createOrganization(organizationInput());
    await db.storage.createUser(userInput({ name: 'n'.repeat(256) }));
    await db.storage.createApiKeyWithSecret(orgId, []);
    await db.storage.storeTenantSAMLConfig(tenantSamlInput({ tenantId: 'tenant-1' }));
    await db.storage.setPasswordHash('user-1', 'hash-of-user-1');
    await db.storage.createTwoFactorSession(
      twoFactorSessionInput('user-1', 'device-1', { verificationCode: 'a long hash of a code', expiresAt: inAnHour() }),
    );
    await db.query(`INSERT INTO auth_events (id, type, principal_id) VALUES (2147483648, 'x', 'y')`);
    const before = await db.query(CATALOGUE);
    const error = await expectCode(db.storage.rollback({ to: null, dropData: true }), 'migration_failed', {
      migration: '0000_taken_over',
    });
    expect(error.context.violations?.map(({ rule, table }) => `${table} ${rule}`)).toEqual([
      'api_keys fk_api_keys_principal_user',
      'auth_events event_ids',
      'password_hashes password_hashes',
      'tenant_saml_configs tenant_saml_configs',
      'twofa_sessions column_lengths',
      'users column_lengths',
    ]);
    expect(await db.query(CATALOGUE)).toEqual(before);
    expect(JSON.stringify(error)).not.toContain('hash-of-user-1');
    // Even the migrations after the first were not undone.
    await expect(db.storage.getPasswordHash('user-1')).resolves.toBe('hash-of-user-1');
    await db.storage.setPasswordHash('user-1', null);
    await db.storage.deleteTenantSAMLConfig('tenant-1');
    await db.query(
      `DELETE FROM api_keys WHERE principal_org_id IS NOT NULL; DELETE FROM users WHERE length(name) > 255;
       DELETE FROM twofa_sessions WHERE length(verification_code) > 10; DELETE FROM auth_events WHERE id > 2147483647`,
    );
    await expect(db.storage.rollback({ to: null, dropData: true })).resolves.toEqual(
      expect.arrayContaining(['0000_taken_over']),
    );
    expect(await db.query(`SELECT id FROM auth_migrations`)).toEqual([{ id: '0001_initial_schema_v2' }]);
    expect(await db.query('SELECT created_at::text FROM users WHERE id = $1', ['user-1'])).toEqual([
      { created_at: CREATED.slice(0, -3) },
    ]);
    expect(Object.keys(legacyRows('3.1.x'))).toHaveLength(15);
  });
});

describe('metadata that is not an object', () => {
  const db = useDatabase({ migrated: false });

  it('is kept by a take-over and its rollback, and stops a rollback only if further fields have no other place', async () => {
    await makeLegacy(db, '3.0.x');
    const odd = { 'odd-1': '[1]', 'odd-2': '"text"', 'odd-3': '7' };
    for (const [id, metadata] of Object.entries(odd)) {
      await insertLegacy(db, ...device(id, { metadata }));
      await insertLegacy(db, ...provider(id, { metadata }));
    }
    const stored = async () => [
      await db.query(`SELECT id, metadata FROM twofa_devices WHERE id LIKE 'odd-%' ORDER BY id`),
      await db.query(`SELECT id, metadata FROM sso_providers WHERE id LIKE 'odd-%' ORDER BY id`),
    ];
    const before = await stored();
    for (let times = 0; times < 2; times += 1) {
      await db.storage.connect();
      await db.storage.rollback({ to: null });
      expect(await stored()).toEqual(before);
    }
    await db.storage.connect();
    await db.query(`UPDATE twofa_devices SET extra = '{"colour": "blue"}' WHERE id = 'odd-1'`);
    await db.query(
      `UPDATE sso_providers SET extra = '{"tier": "gold"}', metadata = '{"tier": "lead"}' WHERE id = 'oidc-1'`,
    );
    const error = await expectCode(db.storage.rollback({ to: null }), 'migration_failed');
    expect(error.context.violations?.map(({ rule, ids }) => [rule, ids])).toEqual([
      ['metadata_keys', ['oidc-1']],
      ['metadata_keys', ['odd-1']],
    ]);
  });
});
