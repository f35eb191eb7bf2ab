/** A row or more in every table of a legacy database, as the TypeScript adapter left them. All clocks show UTC. */
import type { TestDatabase } from './database';
import { keyOf, LEGACY_TABLES, type LegacyVersion, legacySchema } from './legacy';

// biome-ignore lint/suspicious/noExplicitAny: a cell is whatever its column holds
export type Row = Record<string, any>;

export const CREATED = '2024-02-29 12:34:56.123456';
export const UPDATED = '2024-03-01 08:00:00.5';
export const FUTURE = '2999-01-01 00:00:00.25';

const stamped = { created_at: CREATED, updated_at: UPDATED };

/** The rows of each table. */
export function legacyRows(version: LegacyVersion): Record<string, Row[]> {
  return {
    users: [
      {
        id: 'user-1',
        email: 'Ada@Example.com',
        name: 'Ada',
        picture: `https://example.com/${'p'.repeat(1000)}`,
        plan: 'pro',
        entitlements: ['read', 'a "quoted", one'],
        oauth: {
          google: {
            provider: 'google',
            sub: 'g-1',
            email: 'ada@x.org',
            name: 'A',
            linkedAt: '2024-01-02T03:04:05.678Z',
          },
          'a,b': { provider: 'a,b', sub: 'x}y', linkedAt: '2023-01-02T03:04:05.000Z' },
        },
        metadata: { nested: { list: [1, null, 'zwei'] } },
        ...stamped,
      },
      // As after an INSERT that names only the e-mail, or no column.
      { id: 'user-2', email: 'bob@example.com', created_at: CREATED, updated_at: CREATED },
      { id: 'user-3', plan: null, oauth: null, metadata: null, ...stamped },
      { id: 'user-4', oauth: 'null', metadata: 'null', ...stamped },
    ],
    organizations: [
      {
        id: 'org-1',
        name: 'Org',
        plan: 'team',
        seats: 5,
        members: [
          { userId: 'user-1', role: 'owner', joinedAt: '2024-01-02T03:04:05.678Z' },
          { userId: 'user-2', role: 'member', joinedAt: '2024-02-02T00:00:00.000Z' },
        ],
        metadata: { region: 'eu' },
        ...stamped,
      },
      { id: 'org-2', name: 'Empty', plan: 'free', metadata: null, ...stamped },
    ],
    api_keys: [
      {
        id: 'key-1',
        principal_id: 'user-1',
        hash: 'hash-1',
        prefix: 'kit',
        last_four: 'abcd',
        scopes: ['read'],
        metadata: { name: 'cli' },
        expires_at: FUTURE,
        ...stamped,
      },
      {
        id: 'key-2',
        principal_id: version === '3.0.x' ? 'org-1' : 'user-2',
        hash: 'hash-2',
        prefix: 'kit',
        last_four: 'wxyz',
        metadata: null,
        ...stamped,
      },
    ],
    sessions: [
      {
        id: 'session-1',
        user_id: 'user-1',
        org_id: 'org-1',
        plan: 'pro',
        entitlements: ['read'],
        expires_at: FUTURE,
        metadata: { ip: '127.0.0.1' },
        ...stamped,
      },
      { id: 'session-2', user_id: 'user-2', expires_at: FUTURE, metadata: null, ...stamped },
    ],
    email_verification_tokens: [
      {
        id: 'token-1',
        email: 'Ada@Example.com',
        code: 'code',
        code_hash: 'code-hash',
        type: 'login_link',
        user_id: 'user-1',
        metadata: { ip: '::1' },
        expires_at: FUTURE,
        used_at: UPDATED,
        created_at: CREATED,
      },
      {
        ...{ id: 'token-2', email: 'new@example.com', code: 'c', code_hash: 'h', type: 'verify_email' },
        ...{ metadata: null, expires_at: FUTURE, created_at: CREATED },
      },
    ],
    email_verification_token_attempts: [{ token_id: 'token-2', attempts: 3 }],
    auth_events: [
      { id: 1, type: 'user.login', principal_id: 'gone', data: { ip: '127.0.0.1' }, timestamp: UPDATED },
      { id: 40, type: 'user.logout', principal_id: 'user-1', org_id: 'org-1', data: {}, timestamp: UPDATED },
    ],
    roles: [
      {
        id: 'role-1',
        org_id: 'org-1',
        name: 'Editor',
        description: 'Edits',
        is_system: true,
        permissions: [{ id: 'p1', name: 'Edit', resource: 'document', action: 'edit' }],
        metadata: { colour: 'blue' },
        ...stamped,
      },
      { id: 'role-2', org_id: 'org-1', name: 'Nobody', is_system: null, metadata: null, ...stamped },
    ],
    user_roles: [{ id: 'assignment-1', user_id: 'user-1', role_id: 'role-1', org_id: 'org-1', assigned_at: CREATED }],
    sso_providers: [
      {
        ...{ id: 'oidc-1', type: 'oidc', name: 'OIDC', org_id: 'org-1', metadata_url: 'https://idp/.well-known' },
        ...{ client_id: 'client', client_secret: 'secret', token_endpoint_auth_method: 'client_secret_post' },
        ...{ scopes: ['openid'], redirect_uris: ['https://app/cb'], claim_mapping: { email: 'mail' } },
        ...{ metadata: { tier: 'gold' }, ...stamped },
      },
      {
        ...{ id: 'saml-1', type: 'saml', name: 'SAML', idp_entity_id: 'idp', idp_sso_url: 'https://idp/sso' },
        ...{
          idp_slo_url: 'https://idp/slo',
          idp_certificate: 'CERT',
          sp_entity_id: 'sp',
          sp_acs_url: 'https://sp/acs',
        },
        ...{ sp_slo_url: 'https://sp/slo', signing_cert: 'SC', signing_key: 'SK', encryption_enabled: true },
        ...{ force_authn: false, attribute_mapping: { email: 'mail' }, metadata: null, ...stamped },
      },
    ],
    sso_links: [
      {
        ...{ id: 'link-1', user_id: 'user-1', provider_id: 'oidc-1', provider_type: 'oidc', provider_subject: 's-1' },
        ...{ provider_email: 'ada@idp', auto_provisioned: true, metadata: { department: 'R&D' } },
        ...{ linked_at: CREATED, last_auth_at: UPDATED },
      },
      {
        ...{ id: 'link-2', user_id: 'user-2', provider_id: 'oidc-1', provider_type: 'oauth', provider_subject: 's-2' },
        ...{ auto_provisioned: null, metadata: null, linked_at: CREATED, last_auth_at: null },
      },
    ],
    sso_sessions: [
      {
        ...{ id: 'sso-1', user_id: 'user-1', provider_id: 'saml-1', provider_type: 'saml', provider_subject: 's-1' },
        ...{ session_token: 'token', expires_at: FUTURE, linked_at: CREATED, last_auth_at: UPDATED },
      },
    ],
    twofa_devices: [
      {
        ...{ id: 'device-1', user_id: 'user-1', method: 'sms', name: 'Phone', verified: true, phone_number: '+1555' },
        ...{ secret: 'S', last_used_at: UPDATED, metadata: { verificationCode: 'x', nothing: null }, ...stamped },
      },
      { id: 'device-2', user_id: 'user-1', method: 'totp', verified: null, metadata: null, ...stamped },
    ],
    twofa_backup_codes: [
      { id: 'code-b', user_id: 'user-1', code: 'b', used: true, used_at: UPDATED, created_at: CREATED },
      { id: 'code-a', user_id: 'user-1', code: 'a', used: null, created_at: CREATED },
    ],
    twofa_sessions: [
      {
        ...{ id: 'tfa-1', user_id: 'user-1', session_id: 'login', device_id: 'device-1', method: 'sms' },
        ...{ verification_code: '123456', attempt_count: 2, max_attempts: 3, expires_at: FUTURE },
        ...{ completed_at: UPDATED, created_at: CREATED },
      },
      {
        ...{ id: 'tfa-2', user_id: 'user-1', session_id: 'login', device_id: 'device-2', method: 'totp' },
        ...{ attempt_count: null, max_attempts: null, expires_at: FUTURE, created_at: CREATED },
      },
    ],
  };
}

/** Makes the tables of that version in the current schema, and fills them. */
export async function makeLegacy(db: Pick<TestDatabase, 'query'>, version: LegacyVersion, rows = legacyRows(version)) {
  await db.query(legacySchema(version));
  for (const table of LEGACY_TABLES) for (const row of rows[table] ?? []) await insertLegacy(db, table, row);
  // As after 42 events, some of which were deleted.
  await db.query(`SELECT setval('auth_events_id_seq', 42)`);
}

export async function insertLegacy(db: Pick<TestDatabase, 'query'>, table: string, row: Row) {
  const cells = Object.values(row).map((cell) =>
    Array.isArray(cell) && typeof cell[0] !== 'object'
      ? cell
      : cell && typeof cell === 'object'
        ? JSON.stringify(cell)
        : cell,
  );
  const places = cells.map((_, at) => `$${at + 1}`).join(', ');
  await db.query(`INSERT INTO ${table} (${Object.keys(row).join(', ')}) VALUES (${places})`, cells);
}

/** All rows of the tables as text, which does not depend on the time zone of the reader. */
export async function dump(db: Pick<TestDatabase, 'query'>, tables = LEGACY_TABLES): Promise<Record<string, string[]>> {
  const dumped: Record<string, string[]> = {};
  for (const table of tables) {
    const rows = await db.query<{ row: string }>(
      `SELECT to_jsonb(t)::text AS row FROM ${table} t ORDER BY ${keyOf(table)}`,
    );
    dumped[table] = rows.map(({ row }) => row);
  }
  return dumped;
}
