/**
 * Every column of every table is classified here, and exportUser() and eraseUser() are held to that. A migration that adds
 * a column fails this test until it is decided whether the column is about a person.
 */
import { useDatabase } from './helpers/database';

const db = useDatabase();

/**
 * `exported`: about a person, and in the export. `masked`: about a person, but a credential, a code, a secret or the way to
 * one, and not in the export. `owner`: leads to the person. `other`: about nobody.
 */
type Class = 'exported' | 'masked' | 'owner' | 'other';

const all = (kind: Class, columns: string) => Object.fromEntries(columns.split(' ').map((column) => [column, kind]));
const exported = (columns: string) => all('exported', columns);
const masked = (columns: string) => all('masked', columns);
const owner = (columns: string) => all('owner', columns);
const other = (columns: string) => all('other', columns);

const COLUMNS: Record<string, Record<string, Class>> = {
  users: exported('id email name picture plan entitlements oauth metadata created_at updated_at'),
  // A copy of users.oauth.
  user_oauth_accounts: { ...exported('provider sub'), ...owner('user_id') },
  // That there is one is exported.
  password_hashes: { ...owner('user_id'), ...masked('hash') },
  organizations: {
    ...exported('id name members'),
    ...other('plan seats metadata created_at updated_at dump_after_user_id'),
  },
  organization_members: { ...exported('org_id'), ...owner('user_id') },
  sessions: {
    ...owner('user_id'),
    ...masked('id'),
    ...exported('org_id plan entitlements expires_at metadata created_at updated_at'),
  },
  api_keys: {
    ...owner('principal_user_id principal_id'),
    ...masked('hash'),
    ...exported('id prefix last_four scopes metadata expires_at created_at updated_at'),
    ...other('principal_org_id'),
  },
  email_verification_tokens: {
    ...owner('user_id'),
    ...masked('id code code_hash'),
    ...exported('email type metadata expires_at used_at created_at'),
  },
  email_verification_token_attempts: { ...masked('token_id'), ...exported('attempts') },
  auth_events: { ...owner('principal_id'), ...exported('id type org_id data timestamp') },
  roles: {
    ...exported('id name'),
    ...other('org_id description is_system permissions metadata created_at updated_at'),
  },
  user_roles: { ...owner('user_id'), ...exported('role_id org_id assigned_at'), ...other('id') },
  sso_providers: other(
    'id type name org_id metadata_url client_id client_secret redirect_uris scopes response_type ' +
      'token_endpoint_auth_method claim_mapping idp_entity_id idp_sso_url idp_slo_url idp_certificate sp_entity_id ' +
      'sp_acs_url sp_slo_url signing_cert signing_key encryption_enabled force_authn allow_unencrypted_assertion ' +
      'attribute_mapping metadata extra created_at updated_at',
  ),
  sso_links: {
    ...owner('user_id'),
    ...exported(
      'id provider_id provider_type provider_subject provider_email auto_provisioned metadata linked_at last_auth_at',
    ),
  },
  sso_sessions: {
    ...owner('user_id'),
    ...masked('id session_token'),
    ...exported('provider_id provider_type provider_subject expires_at linked_at last_auth_at'),
  },
  tenant_saml_configs: other('tenant_id config created_at updated_at'),
  twofa_devices: {
    ...owner('user_id'),
    ...masked('secret metadata extra'),
    ...exported('id method name verified phone_number last_used_at created_at updated_at'),
  },
  twofa_backup_codes: {
    ...owner('user_id'),
    ...masked('code'),
    ...exported('id used used_at created_at'),
    ...other('position'),
  },
  twofa_sessions: {
    ...owner('user_id'),
    ...masked('id session_id verification_code'),
    ...exported('device_id method attempt_count max_attempts expires_at created_at completed_at'),
  },
  twofa_steps: { ...exported('device_id'), ...masked('step') },
  auth_sweeps: other('name started_at duration_ms deleted claimed_by claimed_until'),
  auth_migrations: other('id checksum applied_at duration_ms'),
};

interface Column {
  table: string;
  name: string;
  type: string;
}

/** Also of partitioned tables, but not of their partitions, which have the same columns. */
const columnsOf = () =>
  db.query<Column>(
    `SELECT c.relname AS table, a.attname AS name, format_type(a.atttypid, NULL) AS type
       FROM pg_attribute a
       JOIN pg_class c ON c.oid = a.attrelid
      WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace
        AND a.attnum > 0 AND NOT a.attisdropped
      ORDER BY 1, a.attnum`,
  );

const classOf = ({ table, name }: Column) => COLUMNS[table]?.[name];

it('every column of every table is classified in this file, and no other', async () => {
  const there = (await columnsOf()).map(({ table, name }) => `${table}.${name}`);
  const listed = Object.entries(COLUMNS).flatMap(([table, columns]) =>
    Object.keys(columns).map((name) => `${table}.${name}`),
  );
  expect(there.sort()).toEqual(listed.sort());
});

it('every table with a column that leads to a person is one that eraseUser() empties of them', async () => {
  const references = await db.query<{ table: string; column: string }>(
    `SELECT c.relname AS table, a.attname AS column
       FROM pg_constraint f
       JOIN pg_class c ON c.oid = f.conrelid
       JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = ANY (f.conkey)
      WHERE f.contype = 'f' AND f.confrelid = 'users'::regclass AND c.relnamespace = 'public'::regnamespace`,
  );
  expect(references.length).toBeGreaterThan(8);
  const unlisted = references.filter(({ table, column }) => COLUMNS[table]?.[column] !== 'owner');
  // Always NULL.
  expect(unlisted).toEqual([{ table: 'organizations', column: 'dump_after_user_id' }]);
});

/** What a column holds of a person: a value that no other column has, so that it can be found again. */
let count = 0;

class Marks {
  readonly shown = new Map<string, string>();
  readonly hidden = new Map<string, string>();

  constructor(private readonly person: string) {}

  /** The SQL literal. */
  of(column: Column): string {
    count += 1;
    const text = `${this.person}/${column.table}/${column.name}`;
    const time = new Date(Date.UTC(2040, 0, count)).toISOString();
    const [literal, mark] = {
      'timestamp with time zone': [`'${time}'`, time],
      jsonb: [`'${JSON.stringify({ k: { deep: text } })}'`, text],
      integer: [`${70_000 + count}`, `${70_000 + count}`],
      bigint: [`${900_000 + count}`, `${900_000 + count}`],
      boolean: ['true', 'true'],
      'text[]': [`ARRAY['${text}']`, text],
      text: [`'${text}'`, text],
    }[column.type] ?? ['', ''];
    if (mark === '') throw new Error(`a column of the type ${column.type} needs a mark`);
    const kind = classOf(column);
    const name = `${column.table}.${column.name}`;
    if (kind === 'exported') this.shown.set(name, mark);
    if (kind === 'masked') this.hidden.set(name, mark);
    return literal;
  }
}

/** Fills a row of each table that is about the person, every column of it. */
async function makePerson(person: string): Promise<Marks> {
  const columns = await columnsOf();
  const marks = new Marks(person);
  const org = `${person}/organizations/id`;
  const role = `${person}/roles/id`;
  await db.query(`INSERT INTO sso_providers (id, type, name, metadata_url, client_id, client_secret, redirect_uris)
    VALUES ('provider ${person}', 'oidc', 'x', 'x', 'x', 'x', '{}')`);
  const given: Record<string, Record<string, string>> = {
    users: {
      id: `'${person}'`,
      oauth: `'${JSON.stringify({
        [`${person}/provider`]: {
          sub: `${person}/user_oauth_accounts/sub`,
          name: `${person}/users/oauth`,
          accessToken: `${person} token`,
        },
      })}'`,
    },
    organizations: {
      members: `'${JSON.stringify([{ userId: person, role: 'admin', joinedAt: '2041-01-01T00:00:00.000Z' }])}'`,
      seats: '9',
    },
    sessions: { org_id: `'${org}'` },
    api_keys: {},
    email_verification_tokens: { type: `'change_email'` },
    email_verification_token_attempts: { token_id: `'${person}/email_verification_tokens/id'` },
    auth_events: { principal_id: `'${person}'` },
    password_hashes: {},
    roles: { org_id: `'${org}'`, permissions: `'[]'` },
    user_roles: { role_id: `'${role}'`, org_id: `'${org}'` },
    sso_links: { provider_id: `'provider ${person}'`, provider_type: `'oauth'` },
    sso_sessions: { provider_id: `'provider ${person}'`, provider_type: `'oauth'` },
    twofa_devices: { method: `'sms'` },
    twofa_backup_codes: {},
    twofa_sessions: { device_id: `'${person}/twofa_devices/id'`, method: `'totp'` },
    twofa_steps: { device_id: `'${person}/twofa_devices/id'` },
  };
  for (const [table, fixed] of Object.entries(given)) {
    const own = columns.filter(
      (column) =>
        (column.table === table && !/^(principal_id|principal_org_id|dump_after_user_id)$/.test(column.name)) ||
        (column.name in fixed && column.table === table),
    );
    const values = own.map((column) => {
      const mark = marks.of(column);
      if (fixed[column.name] !== undefined) return fixed[column.name];
      return /^(user_id|principal_user_id)$/.test(column.name) ? `'${person}'` : mark;
    });
    await db.query(`INSERT INTO ${table} (${own.map(({ name }) => name)}) VALUES (${values})`);
  }
  const email = `${person}/users/email`.toUpperCase();
  await db.query(
    `INSERT INTO email_verification_tokens (id, email, code, code_hash, type, metadata, expires_at)
     VALUES ('${person} loose token', '${email}', '${person} loose code', '${person} loose hash', 'login_link', '{"k": "${person}/loose"}', now())`,
  );
  // These were given other values than the marks.
  const fixed: Record<string, string> = {
    'users.id': person,
    'users.oauth': `${person}/users/oauth`,
    'organizations.members': '2041-01-01T00:00:00.000Z',
    'sessions.org_id': org,
    'user_roles.org_id': org,
    'user_roles.role_id': role,
    'sso_links.provider_id': `provider ${person}`,
    'sso_sessions.provider_id': `provider ${person}`,
    'twofa_sessions.device_id': `${person}/twofa_devices/id`,
    'twofa_steps.device_id': `${person}/twofa_devices/id`,
    'email_verification_tokens.type': 'change_email',
    'sso_links.provider_type': 'oauth',
    'sso_sessions.provider_type': 'oauth',
    'twofa_devices.method': 'sms',
    'twofa_sessions.method': 'totp',
  };
  for (const [name, mark] of Object.entries(fixed)) marks.shown.set(name, mark);
  marks.hidden.set('email_verification_token_attempts.token_id', `${person}/email_verification_tokens/id`);
  return marks;
}

/** All tables as text. */
async function dump(): Promise<string[]> {
  const tables = await db.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1`,
  );
  const rows = tables.map(({ name }) => `SELECT '${name} ' || t::text AS row FROM ${name} t`);
  return (await db.query<{ row: string }>(rows.join(' UNION ALL '))).map(({ row }) => row).sort();
}

it('exportUser() holds the value of every exported column, and of no masked one', async () => {
  const marks = await makePerson('exported person');
  await makePerson('another one');
  const text = JSON.stringify(await db.storage.exportUser('exported person'));
  // Triggers have made these rows.
  marks.shown.set('organization_members.org_id', 'exported person/organizations/id');
  marks.shown.set('user_oauth_accounts.provider', 'exported person/provider');
  marks.shown.set('user_oauth_accounts.sub', 'exported person/user_oauth_accounts/sub');
  const columns = Object.entries(COLUMNS).flatMap(([table, of]) =>
    Object.entries(of).map(([name, kind]) => ({ kind, name: `${table}.${name}` })),
  );
  for (const [kind, found] of [
    ['exported', marks.shown],
    ['masked', marks.hidden],
  ] as const)
    expect([...found.keys()].sort()).toEqual(
      columns
        .filter((column) => column.kind === kind)
        .map(({ name }) => name)
        .sort(),
    );
  const missing = [...marks.shown].filter(([, mark]) => !text.includes(JSON.stringify(mark).slice(1, -1)));
  expect(missing).toEqual([]);
  const leaked = [...marks.hidden].filter(([, mark]) => text.includes(mark));
  expect(leaked).toEqual([]);
  for (const secret of ['exported person token', 'loose code', 'loose hash', 'loose token', 'another one'])
    expect(text).not.toContain(secret);
  expect(text).toContain('exported person/loose');
});

it('eraseUser() with events: delete leaves nothing of the person in any table, and everything of another one', async () => {
  const before = (await dump()).filter((row) => !row.includes('erased person'));
  await makePerson('erased person');
  // What a person has made for others stays: the organization, its role and its provider are not theirs.
  await db.storage.eraseUser('erased person', { events: 'delete' });
  const left = (await dump()).filter((row) => row.includes('erased person'));
  expect(left.map((row) => row.split(' ')[0])).toEqual(['organizations', 'roles', 'sso_providers']);
  expect(left.join()).not.toContain('2041-01-01');
  expect((await dump()).filter((row) => !row.includes('erased person'))).toEqual(before);
});

it('eraseUser() with events: pseudonymise keeps only type, organization and time of the events', async () => {
  await makePerson('unnamed person');
  await db.query(
    `INSERT INTO auth_events (type, principal_id, data) VALUES ('second', 'unnamed person', '{"of": "unnamed person"}')`,
  );
  const others = (await dump()).filter((row) => row.startsWith('auth_events') && !row.includes('unnamed person'));
  await db.storage.eraseUser('unnamed person', { events: 'pseudonymise' });
  const events = await db.query(
    `SELECT type, principal_id, org_id, data FROM auth_events WHERE principal_id LIKE 'erased-%' ORDER BY type DESC`,
  );
  expect(events).toEqual([
    {
      type: 'unnamed person/auth_events/type',
      principal_id: expect.stringMatching(/^erased-[0-9a-f-]{36}$/),
      org_id: 'unnamed person/auth_events/org_id',
      data: {},
    },
    { type: 'second', principal_id: events[0].principal_id, org_id: null, data: {} },
  ]);
  const left = (await dump()).filter((row) => row.includes('unnamed person') && !row.startsWith('auth_events'));
  expect(left.map((row) => row.split(' ')[0])).toEqual(['organizations', 'roles', 'sso_providers']);
  const pseudonym = events[0].principal_id;
  expect((await dump()).filter((row) => row.includes(pseudonym))).toHaveLength(2);
  expect(await dump()).toEqual(expect.arrayContaining(others));
});

it('eraseUser() with events: keep leaves the events as they are', async () => {
  await makePerson('kept person');
  const events = async () => (await dump()).filter((row) => row.startsWith('auth_events'));
  const before = await events();
  await db.storage.eraseUser('kept person', { events: 'keep' });
  expect(await events()).toEqual(before);
  expect(await db.storage.getUser('kept person')).toBeNull();
});
