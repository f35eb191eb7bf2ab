/** Rules for every table, checked in the server’s catalogue so that future tables are checked, too. */
import { useDatabase } from './helpers/database';

const db = useDatabase();

/** Tables of the schema; the bookkeeping of the migrations is one. */
const TABLES = `SELECT oid FROM pg_class
  WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace`;

/** Exceptions name themselves, with the reason. */
const NO_FOREIGN_KEY: Record<string, string> = {
  'auth_events.principal_id': 'events outlive their principal',
  'auth_events.org_id': 'events outlive their organization',
  'twofa_sessions.session_id': 'a login that is not finished, not a row of sessions',
  'tenant_saml_configs.tenant_id': 'a tenant is the application’s notion',
  'sso_providers.client_id': 'an id at the provider',
  'sso_providers.idp_entity_id': 'an id at the provider',
  'sso_providers.sp_entity_id': 'an id at the provider',
  'api_keys.principal_id': 'generated from principal_user_id and principal_org_id, which have one each',
};

/** What of a table goes with the row that it refers to; all else is deleted with it. */
const NO_CASCADE: Record<string, string> = {
  'organizations.dump_after_user_id': 'always NULL',
  'sessions.org_id': 'the session goes on without the organization',
};

/** The JSON columns that are required but not an empty object by default. */
const JSON_DEFAULTS: Record<string, string | null> = {
  'organizations.members': `'[]'::jsonb`,
  'roles.permissions': `'[]'::jsonb`,
  // A tenant without a configuration has no row.
  'tenant_saml_configs.config': null,
};

interface Column {
  name: string;
  type: string;
  collation: string | null;
}

const columns = (condition: string) =>
  db.query<Column>(`
    SELECT format('%s.%s', a.attrelid::regclass, a.attname) AS name
         , format_type(a.atttypid, a.atttypmod) AS type
         , co.collname AS collation
      FROM pg_attribute a
      LEFT JOIN pg_collation co ON co.oid = a.attcollation
     WHERE a.attrelid IN (${TABLES}) AND a.attnum > 0 AND NOT a.attisdropped AND (${condition})
     ORDER BY 1`);

const foreignKeys = () =>
  db.query<{ name: string; columns: string[]; action: string }>(`
    SELECT format('%s.%s', c.conrelid::regclass, c.conname) AS name
         , ARRAY(
               SELECT format('%s.%s', c.conrelid::regclass, a.attname)
                 FROM pg_attribute a WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)
           ) AS columns
         , c.confdeltype AS action
      FROM pg_constraint c
     WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace
     ORDER BY 1`);

it('every foreign key has an index that begins with one of its columns', async () => {
  expect((await foreignKeys()).length).toBeGreaterThan(18);
  const without = await db.query(`
    SELECT format('%s.%s', c.conrelid::regclass, c.conname) AS name
      FROM pg_constraint c
     WHERE c.contype = 'f'
       AND c.connamespace = 'public'::regnamespace
       AND NOT EXISTS (
               SELECT FROM pg_index i
                WHERE i.indrelid = c.conrelid
                  AND i.indisvalid
                  AND i.indkey[0] = ANY (c.conkey)
                  -- A partial index serves when all it leaves out is NULL.
                  AND (i.indpred IS NULL OR pg_get_expr(i.indpred, i.indrelid) ~ '^\\(\\w+ IS NOT NULL\\)$')
           )`);
  expect(without).toEqual([]);
});

it('every column named …_id has a foreign key, except those listed in this file', async () => {
  const keys = (await foreignKeys()).flatMap((key) => key.columns);
  const references = (await columns(`a.attname ~ '_id$'`)).map(({ name }) => name);
  expect(references.length).toBeGreaterThan(20);
  expect(references.filter((name) => !keys.includes(name)).sort()).toEqual(Object.keys(NO_FOREIGN_KEY).sort());
});

it('every foreign key deletes its rows with the referenced row, except those listed in this file', async () => {
  const others = (await foreignKeys()).filter(({ action }) => action !== 'c');
  expect(others).toEqual(
    Object.keys(NO_CASCADE).map((column) => ({ name: expect.any(String), columns: [column], action: 'n' })),
  );
});

it('every column user_id has a foreign key to users with ON DELETE CASCADE', async () => {
  const owned = (await columns(`a.attname = 'user_id'`)).map(({ name }) => name);
  const keys = await db.query<{ name: string }>(`
    SELECT format('%s.user_id', c.conrelid::regclass) AS name
      FROM pg_constraint c
      JOIN pg_attribute a ON a.attrelid = c.conrelid AND c.conkey = ARRAY[a.attnum] AND a.attname = 'user_id'
     WHERE c.contype = 'f' AND c.confrelid = 'users'::regclass AND c.confdeltype = 'c'
     ORDER BY 1`);
  expect(owned.length).toBeGreaterThan(7);
  expect(keys.map(({ name }) => name).sort()).toEqual(owned.sort());
});

it('every id and every indexed text is of type text and COLLATE "C"', async () => {
  // Ids at the provider are not looked up.
  const ids = (await columns(`a.attname ~ '(^|_)id$' AND a.atttypid <> 'bigint'::regtype`)).filter(
    ({ name }) => NO_FOREIGN_KEY[name] !== 'an id at the provider',
  );
  const indexed = await columns(`
    a.atttypid = 'text'::regtype
    AND EXISTS (SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND a.attnum = ANY (i.indkey))`);
  expect(ids.length).toBeGreaterThan(30);
  expect([...ids, ...indexed].filter(({ type, collation }) => type !== 'text' || collation !== 'C')).toEqual([]);
});

it('every index, over expressions too, is COLLATE "C"', async () => {
  const collations = await db.query<{ index: string; collation: string }>(`
    SELECT i.indexrelid::regclass AS index, co.collname AS collation
      FROM pg_index i
     CROSS JOIN unnest(i.indcollation) AS c (oid)
      JOIN pg_collation co ON co.oid = c.oid
     WHERE i.indrelid IN (${TABLES})`);
  expect(collations.length).toBeGreaterThan(30);
  expect(collations.filter(({ collation }) => collation !== 'C')).toEqual([]);
});

it('every time is a timestamptz(3)', async () => {
  const times = await columns(
    `a.atttypid IN ('date', 'time', 'timetz', 'timestamp', 'timestamptz')
    OR a.attname ~ '(_at|timestamp)$'`.replace(/'(date|time|timetz|timestamp|timestamptz)'/g, `'$1'::regtype`),
  );
  expect(times.length).toBeGreaterThan(30);
  expect(times.filter(({ type }) => type !== 'timestamp(3) with time zone')).toEqual([]);
});

it('no column is a varchar or char, which would cut off text', async () => {
  expect(await columns(`a.atttypid IN ('varchar'::regtype, 'bpchar'::regtype)`)).toEqual([]);
});

it('every JSON column is NOT NULL, except the two that only one type of provider has', async () => {
  const nullable = await columns(`a.atttypid = 'jsonb'::regtype AND NOT a.attnotnull`);
  expect(nullable.map(({ name }) => name)).toEqual(['sso_providers.attribute_mapping', 'sso_providers.claim_mapping']);
});

it('every JSON column that is NOT NULL is an empty object by default, except those listed in this file', async () => {
  const defaults = await db.query<{ name: string; expression: string | null }>(`
    SELECT format('%s.%s', a.attrelid::regclass, a.attname) AS name, pg_get_expr(d.adbin, d.adrelid) AS expression
      FROM pg_attribute a
      LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE a.attrelid IN (${TABLES}) AND a.attnum > 0 AND NOT a.attisdropped
       AND a.atttypid = 'jsonb'::regtype AND a.attnotnull`);
  expect(defaults.length).toBeGreaterThan(15);
  const others = defaults.filter(({ expression }) => expression !== `'{}'::jsonb`);
  expect(Object.fromEntries(others.map(({ name, expression }) => [name, expression]))).toEqual(JSON_DEFAULTS);
});

it('every table with updated_at has the trigger that sets it', async () => {
  const keeping = await db.query<{ name: string }>(`
    SELECT format('%s.updated_at', tgrelid::regclass) AS name
      FROM pg_trigger WHERE NOT tgisinternal AND tgfoid = 'auth_set_updated_at'::regproc ORDER BY 1`);
  const have = await columns(`a.attname = 'updated_at'`);
  expect(keeping.map(({ name }) => name)).toEqual(have.map(({ name }) => name));
});

it('every table has a primary key, and no table an index that another one covers', async () => {
  const keyless = await db.query(
    `SELECT oid::regclass FROM pg_class c WHERE oid IN (${TABLES})
        AND NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = c.oid AND contype = 'p')`,
  );
  expect(keyless).toEqual([]);
  const twice = await db.query(`
    SELECT a.indexrelid::regclass AS index, b.indexrelid::regclass AS other
      FROM pg_index a
      JOIN pg_index b ON b.indrelid = a.indrelid AND b.indexrelid <> a.indexrelid
     WHERE a.indrelid IN (${TABLES})
       AND NOT a.indisunique
       AND a.indexprs IS NULL AND b.indexprs IS NULL
       AND a.indpred IS NULL AND b.indpred IS NULL
       AND (b.indkey::text || ' ') LIKE (a.indkey::text || ' %')`);
  expect(twice).toEqual([]);
});
