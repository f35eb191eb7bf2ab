/**
 * Databases as the TypeScript adapter left them. Written from their catalogue, apart from the SQL that the
 * package carries, so that each checks the other.
 */

export type LegacyVersion = '3.0.x' | '3.1.x';

/** The columns of each table, in the order in which foreign keys allow them to be made. */
const COLUMNS: Record<string, string> = {
  users: `id varchar(255) not null, email varchar(255), name varchar(255), picture varchar(1024), plan varchar(50) default 'free', entitlements text[] not null default '{}', oauth jsonb default '{}'::jsonb, metadata jsonb default '{}'::jsonb, created_at timestamp default now(), updated_at timestamp default now()`,
  organizations: `id varchar(255) not null, name varchar(255) not null, plan varchar(50) not null, seats integer not null default 1, members jsonb not null default '[]'::jsonb, metadata jsonb default '{}'::jsonb, created_at timestamp default now(), updated_at timestamp default now()`,
  api_keys: `id varchar(255) not null, principal_id varchar(255) not null, hash varchar(255) not null, prefix varchar(50) not null, last_four varchar(4) not null, scopes text[] not null default '{}', metadata jsonb default '{}'::jsonb, expires_at timestamp, created_at timestamp default now(), updated_at timestamp default now()`,
  sessions: `id varchar(255) not null, user_id varchar(255) not null, org_id varchar(255), plan varchar(50), entitlements text[] not null default '{}', expires_at timestamp not null, metadata jsonb default '{}'::jsonb, created_at timestamp default now(), updated_at timestamp default now()`,
  email_verification_tokens: `id varchar(255) not null, email varchar(255) not null, code varchar(255) not null, code_hash varchar(255) not null, type varchar(50) not null, user_id varchar(255), metadata jsonb default '{}'::jsonb, expires_at timestamp not null, used_at timestamp, created_at timestamp default now()`,
  email_verification_token_attempts: `token_id varchar(255) not null, attempts integer default 0`,
  auth_events: `id serial, type varchar(100) not null, principal_id varchar(255) not null, org_id varchar(255), data jsonb not null default '{}'::jsonb, timestamp timestamp default now()`,
  roles: `id varchar(255) not null, org_id varchar(255) not null, name varchar(255) not null, description text, is_system boolean default false, permissions jsonb not null default '[]'::jsonb, metadata jsonb default '{}'::jsonb, created_at timestamp default now(), updated_at timestamp default now()`,
  user_roles: `id varchar(255) not null, user_id varchar(255) not null, role_id varchar(255) not null, org_id varchar(255) not null, assigned_at timestamp default now()`,
  sso_providers: `id varchar(255) not null, type varchar(50) not null, name varchar(255) not null, org_id varchar(255), metadata_url text, client_id varchar(255), client_secret text, token_endpoint_auth_method varchar(50), idp_entity_id text, idp_sso_url text, idp_slo_url text, idp_certificate text, sp_entity_id text, sp_acs_url text, sp_slo_url text, signing_cert text, signing_key text, encryption_enabled boolean default false, force_authn boolean default false, scopes text[] default '{}', redirect_uris text[] default '{}', claim_mapping jsonb default '{}'::jsonb, attribute_mapping jsonb default '{}'::jsonb, metadata jsonb default '{}'::jsonb, created_at timestamp default now(), updated_at timestamp default now()`,
  sso_links: `id varchar(255) not null, user_id varchar(255) not null, provider_id varchar(255) not null, provider_type varchar(50) not null, provider_subject varchar(255) not null, provider_email varchar(255), auto_provisioned boolean default false, metadata jsonb default '{}'::jsonb, linked_at timestamp default now(), last_auth_at timestamp`,
  sso_sessions: `id varchar(255) not null, user_id varchar(255) not null, provider_id varchar(255) not null, provider_type varchar(50) not null, provider_subject varchar(255) not null, session_token text, expires_at timestamp not null, linked_at timestamp default now(), last_auth_at timestamp`,
  twofa_devices: `id varchar(255) not null, user_id varchar(255) not null, method varchar(50) not null, name varchar(255), verified boolean default false, phone_number varchar(50), secret text, last_used_at timestamp, metadata jsonb default '{}'::jsonb, created_at timestamp default now(), updated_at timestamp default now()`,
  twofa_backup_codes: `id varchar(255) not null, user_id varchar(255) not null, code varchar(255) not null, used boolean default false, used_at timestamp, created_at timestamp default now()`,
  twofa_sessions: `id varchar(255) not null, user_id varchar(255) not null, session_id varchar(255) not null, device_id varchar(255) not null, method varchar(50) not null, verification_code varchar(10), attempt_count integer default 0, max_attempts integer default 5, expires_at timestamp not null, completed_at timestamp, created_at timestamp default now()`,
};

/** Every table of both versions. */
export const LEGACY_TABLES = Object.keys(COLUMNS);

const CONSTRAINTS = [
  'api_keys api_keys_hash_key: UNIQUE (hash)',
  'email_verification_token_attempts email_verification_token_attempts_token_id_fkey: FOREIGN KEY (token_id) REFERENCES email_verification_tokens(id) ON DELETE CASCADE',
  'sso_links sso_links_provider_id_fkey: FOREIGN KEY (provider_id) REFERENCES sso_providers(id) ON DELETE CASCADE',
  'sso_sessions sso_sessions_provider_id_fkey: FOREIGN KEY (provider_id) REFERENCES sso_providers(id) ON DELETE CASCADE',
  'user_roles user_roles_role_id_fkey: FOREIGN KEY (role_id) REFERENCES roles(id) ON DELETE CASCADE',
  'users users_email_key: UNIQUE (email)',
];

const CONSTRAINTS_OF_3_1 = [
  'api_keys fk_api_keys_principal_user: FOREIGN KEY (principal_id) REFERENCES users(id) ON DELETE CASCADE',
  'email_verification_tokens fk_email_verification_tokens_user: FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE SET NULL',
  'roles roles_org_id_fkey: FOREIGN KEY (org_id) REFERENCES organizations(id) ON DELETE CASCADE',
  'sessions fk_sessions_org: FOREIGN KEY (org_id) REFERENCES organizations(id) ON DELETE SET NULL',
  'sessions sessions_user_id_fkey: FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE',
  'sso_links sso_links_user_id_fkey: FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE',
  'sso_providers fk_sso_providers_org: FOREIGN KEY (org_id) REFERENCES organizations(id) ON DELETE SET NULL',
  'sso_sessions sso_sessions_user_id_fkey: FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE',
  'twofa_backup_codes twofa_backup_codes_user_id_fkey: FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE',
  'twofa_devices twofa_devices_user_id_fkey: FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE',
  'twofa_sessions twofa_sessions_device_id_fkey: FOREIGN KEY (device_id) REFERENCES twofa_devices(id) ON DELETE CASCADE',
  'twofa_sessions twofa_sessions_user_id_fkey: FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE',
  'user_roles user_roles_org_id_fkey: FOREIGN KEY (org_id) REFERENCES organizations(id) ON DELETE CASCADE',
  'user_roles user_roles_user_id_fkey: FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE',
];

/** The name of each index consists of the table and the column that it is on. */
const INDEXES =
  'idx_api_keys_hash idx_api_keys_principal_id idx_auth_events_principal_id idx_auth_events_timestamp idx_auth_events_type idx_email_verification_tokens_email idx_email_verification_tokens_expires_at idx_email_verification_tokens_type idx_organizations_plan idx_roles_org_id idx_sessions_expires_at idx_sessions_user_id idx_sso_links_provider_id idx_sso_links_user_id idx_sso_providers_org_id idx_sso_sessions_user_id idx_twofa_backup_codes_user_id idx_twofa_devices_user_id idx_twofa_sessions_session_id idx_twofa_sessions_user_id idx_user_roles_org_id idx_user_roles_role_id idx_user_roles_user_id idx_users_email';

const TRIGGERED = ['users', 'api_keys', 'sessions', 'organizations', 'roles', 'twofa_devices'];

/** The SQL that makes the tables of that version, empty, in the current schema. */
export function legacySchema(version: LegacyVersion): string {
  const statements = Object.entries(COLUMNS).map(
    ([table, columns]) => `CREATE TABLE ${table} (${columns}, PRIMARY KEY (${keyOf(table)}))`,
  );
  const constraints = version === '3.0.x' ? CONSTRAINTS : [...CONSTRAINTS, ...CONSTRAINTS_OF_3_1];
  for (const constraint of constraints) {
    const [, table, name, definition] = /^(\w+) (\w+): (.+)$/.exec(constraint) as unknown as string[];
    statements.push(`ALTER TABLE ${table} ADD CONSTRAINT ${name} ${definition}`);
  }
  for (const index of INDEXES.split(' ')) {
    const table = LEGACY_TABLES.find((name) => index.startsWith(`idx_${name}_`)) as string;
    statements.push(`CREATE INDEX ${index} ON ${table} (${index.slice(`idx_${table}_`.length)})`);
  }
  if (version === '3.1.x') {
    statements.push(
      'CREATE TABLE auth_migrations (id varchar(255) primary key, applied_at timestamp not null default now())',
      `INSERT INTO auth_migrations (id) VALUES ('0001_initial_schema_v2')`,
      `CREATE FUNCTION set_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN\n    NEW.updated_at = now();\n    RETURN NEW;\nEND\n$$`,
    );
    for (const table of TRIGGERED) {
      statements.push(
        `CREATE TRIGGER ${table}_set_updated_at BEFORE UPDATE ON ${table} FOR EACH ROW EXECUTE FUNCTION set_updated_at()`,
      );
    }
  }
  return statements.join(';\n');
}

/** The column that tells the rows of a table apart. */
export function keyOf(table: string): string {
  return table === 'email_verification_token_attempts' ? 'token_id' : 'id';
}
