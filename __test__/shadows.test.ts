/**
 * Whoever may create objects in the schema of our tables can put functions and operators there that fit an expression
 * better than the server's own. Here another role puts them there for everything that our SQL uses, and none is called.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { asSuperuser, type TestDatabase, useDatabase } from './helpers/database';
import { argumentsOf, call, makeScene } from './helpers/every-method';
import { eventInput, sessionInput, unique } from './helpers/fixtures';
import { makeLegacy } from './helpers/legacy-rows';
import { MIGRATIONS_FOLDER } from './helpers/migrations';

const ROOT = join(__dirname, '..');

/** Every file under a folder whose name ends so. */
const filesUnder = (folder: string, ending: string): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesUnder(path, ending);
    return path.endsWith(ending) ? [path] : [];
  });

/** All SQL of ours: the files, and the string literals of what sends statements. */
const SQL = [
  ...filesUnder(MIGRATIONS_FOLDER, '.sql').map((path) => readFileSync(path, 'utf8')),
  ...['store', 'db'].flatMap((folder) =>
    filesUnder(join(ROOT, 'src', folder), '.rs').flatMap((path) =>
      [...readFileSync(path, 'utf8').matchAll(/"((?:[^"\\]|\\[\s\S])*)"/g)].map(([, text]) => text as string),
    ),
  ),
].join('\n');

const TYPES = [
  ...[
    'text',
    'varchar',
    'bpchar',
    'name',
    '"char"',
    'jsonb',
    'json',
    'jsonpath',
    'bool',
    'int2',
    'int4',
    'int8',
    'float8',
  ],
  ...['numeric', 'oid', 'regclass', 'regproc', 'regnamespace', 'timestamptz', 'timestamp', 'date', 'interval', 'xid'],
  ...['text[]', 'varchar[]', 'name[]', 'jsonb[]', 'oid[]', 'int2[]', 'aclitem[]', 'aclitem', 'anyelement', 'anyarray'],
];

/** The test's own statements would call the shadows, too. */
// biome-ignore lint/suspicious/noExplicitAny: a row has the columns that the statement asks for
async function safely<Row = any>(db: TestDatabase, sql: string, parameters: unknown[] = []): Promise<Row[]> {
  const client = new Client({ connectionString: db.url, options: '-c search_path=pg_catalog' });
  await client.connect();
  try {
    return (await client.query(sql, parameters)).rows;
  } finally {
    await client.end();
  }
}

/** What the server has under the names that occur in our SQL. */
async function usedNames(db: TestDatabase) {
  const words = [...new Set(SQL.toLowerCase().match(/[a-z_]\w*(?=\()/g))];
  const functions = await db.query<{ name: string; arities: number[]; variadic: boolean }>(
    `SELECT proname AS name, array_agg(DISTINCT pronargs) AS arities, bool_or(provariadic <> 0) AS variadic
       FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND proname = ANY($1) GROUP BY 1 ORDER BY 1`,
    [words],
  );
  const operators = await db.query<{ name: string }>(
    `SELECT DISTINCT oprname AS name FROM pg_operator WHERE oprnamespace = 'pg_catalog'::regnamespace ORDER BY 1`,
  );
  return { functions, operators: operators.filter(({ name }) => SQL.includes(name)).map(({ name }) => name) };
}

/** Functions whose signature is the arguments' own type, which is better than any other, for calls with few arguments. */
const MANY = ['text', 'varchar', 'name', 'jsonb', 'int4', 'int8', 'bool', 'timestamptz', 'timestamp', 'text[]', 'oid'];

async function putShadows(db: TestDatabase, role: string): Promise<number> {
  const { functions, operators } = await usedNames(db);
  expect(functions.length).toBeGreaterThan(40);
  expect(operators).toEqual(expect.arrayContaining(['=', '<>', '||', '-', '->>', '<=', '+']));
  const url = new URL(db.url);
  url.username = role;
  url.password = 'x';
  const client = new Client({ connectionString: url.href });
  await client.connect();
  const body = (what: string) => `LANGUAGE plpgsql AS $f$ BEGIN RAISE EXCEPTION 'shadow called: ${what}'; END $f$`;
  const concrete = (types: string[]) => types.filter((type) => !type.startsWith('any'));
  const statements: string[] = [];
  const define = (name: string, types: string[], result: string) =>
    statements.push(
      `CREATE FUNCTION public.${name}(${types.join(', ')}) RETURNS ${result} ${body(`${name}(${types.join(', ')})`)}`,
    );
  for (const { name, arities, variadic } of functions) {
    define(name, [], 'text');
    for (const type of concrete(TYPES)) define(name, [type], 'text');
    if (variadic || arities.some((arity) => arity !== 1)) {
      for (const a of MANY) for (const b of MANY) define(name, [a, b], 'text');
      for (const type of MANY) for (let n = 3; n <= 6; n += 1) define(name, Array(n).fill(type), 'text');
    }
    define(name, ['VARIADIC text[]'], 'text');
  }
  // As the server's own comparison results in a boolean, and its `||` in what it joins.
  for (const type of ['bool', 'text', 'jsonb', 'timestamptz', 'int8']) {
    for (const a of TYPES)
      for (const b of TYPES) {
        if (a.startsWith('any') !== b.startsWith('any')) continue;
        statements.push(
          `CREATE FUNCTION public.shadow_${type}(${a}, ${b}) RETURNS ${type} ${body(`operator(${a}, ${b})`.replaceAll("'", ''))}`,
        );
      }
  }
  for (const name of operators) {
    const result =
      { '||': 'text', '-': 'jsonb', '+': 'int8', '*': 'int8', '->': 'jsonb', '->>': 'text' }[name] ?? 'bool';
    for (const a of TYPES)
      for (const b of TYPES) {
        if (a.startsWith('any') !== b.startsWith('any')) continue;
        statements.push(
          `CREATE OPERATOR public.${name} (FUNCTION = public.shadow_${result}, LEFTARG = ${a}, RIGHTARG = ${b})`,
        );
      }
  }
  try {
    for (let at = 0; at < statements.length; at += 500) {
      // Some signatures are the same to the server, and some it refuses.
      const block = statements
        .slice(at, at + 500)
        .map((sql) => `BEGIN EXECUTE $e$${sql}$e$; EXCEPTION WHEN OTHERS THEN NULL; END;`);
      await client.query(`DO $d$ BEGIN ${block.join('\n')} END $d$`);
    }
  } finally {
    await client.end();
  }
  const [made] = await safely<{ n: number }>(
    db,
    `SELECT ((SELECT count(*) FROM pg_operator WHERE oprnamespace = 'public'::regnamespace)
           + (SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace))::int AS n`,
  );
  return made?.n ?? 0;
}

/** Everything that is ours depends on the server's own functions and operators, and on ours. */
const FOREIGN = `
  SELECT pg_describe_object(d.classid, d.objid, d.objsubid) AS ours, pg_describe_object(d.refclassid, d.refobjid, 0) AS theirs
    FROM pg_depend d
    LEFT JOIN pg_proc f ON d.refclassid = 'pg_proc'::regclass AND f.oid = d.refobjid
    LEFT JOIN pg_operator o ON d.refclassid = 'pg_operator'::regclass AND o.oid = d.refobjid
   WHERE (f.proowner = $1::regrole OR o.oprowner = $1::regrole)
     AND d.classid IN ('pg_constraint'::regclass, 'pg_trigger'::regclass, 'pg_attrdef'::regclass, 'pg_class'::regclass)`;

async function useEverything(db: TestDatabase, storage: TestDatabase['storage']): Promise<void> {
  const scene = await makeScene(storage);
  const calls = argumentsOf(scene);
  const twenty = <T>(make: (at: number) => Promise<T>) => Promise.all(Array.from({ length: 20 }, (_, at) => make(at)));
  await twenty((at) => storage.getUser(`${at}`));
  await twenty(() => storage.createSession(sessionInput(scene.userId)));
  await twenty(() => storage.createUser({}));
  await twenty(() => storage.emitEvent(eventInput()));
  await twenty(() => storage.getUserRoles(scene.userId, scene.orgId));
  await twenty((at) => storage.updateSession(scene.sessionId, { plan: `${at}` }));
  const { id } = await storage.createUser({ email: `${unique()}@example.com` });
  for (const sub of ['a', 'b']) await storage.linkOAuthAccount(id, 'google', { provider: 'google', sub: unique(sub) });
  await storage.updateOrganization(scene.orgId, {
    seats: 10,
    members: [{ userId: id, role: 'owner', joinedAt: new Date() }],
  });
  await storage.updateApiKey(scene.apiKeyId, { scopes: ['x'] });
  await storage.deleteUser(id);
  for (const [method, args] of Object.entries(calls)) await call(storage, method, args);
  await expect(storage.healthCheck()).resolves.toMatchObject({ status: 'ok', pendingMigrations: [] });
  expect(db.name).not.toBe('');
}

describe.each([
  ['an empty database', undefined],
  ['a database of 3.0.x', '3.0.x'],
  ['a database of 3.1.x', '3.1.x'],
] as const)('in %s', (_, version) => {
  const db = useDatabase({ migrated: false });
  const role = () => `${db.name}_other`;

  beforeAll(async () => {
    await db.query(`CREATE ROLE ${role()} LOGIN PASSWORD 'x'; GRANT CREATE, USAGE ON SCHEMA public TO ${role()}`);
    if (version !== undefined) await makeLegacy(db, version);
    expect(await putShadows(db, role())).toBeGreaterThan(5_000);
  }, 120_000);

  afterAll(() =>
    asSuperuser(async (client) => {
      await client.query(`DROP DATABASE IF EXISTS ${db.name} WITH (FORCE)`).catch(() => undefined);
      await client.query(`DROP ROLE IF EXISTS ${role()}`).catch(() => undefined);
    }),
  );

  it('connect(), every method and rollback() call none of the functions and operators that shadow the server’s', async () => {
    // Prove that they are there: an expression written without care calls one.
    await expect(db.query(`SELECT 'a'::varchar = 'b'::varchar`)).rejects.toThrow('shadow called');
    const storage = db.adapter({ statementTimeoutMs: 20_000 });
    await storage.connect();
    await useEverything(db, storage);
    expect(await safely(db, FOREIGN, [role()])).toEqual([]);
    await storage.deleteTenantSAMLConfig(
      (await safely(db, 'SELECT tenant_id FROM public.tenant_saml_configs'))[0]?.tenant_id ?? '',
    );
    // Version 3.x has no place for these rows.
    if (version !== undefined) {
      await safely(db, 'DELETE FROM public.twofa_sessions WHERE length(verification_code) > 10');
      await safely(db, 'DELETE FROM public.password_hashes');
    }
    await storage.rollback({ to: null, dropData: true });
    expect(await safely(db, FOREIGN, [role()])).toEqual([]);
    await storage.connect();
    await expect(storage.createUser({})).resolves.toMatchObject({ plan: 'free' });
  }, 120_000);

  it('connect() and every method call none of them when pg_catalog is last in the search path', async () => {
    const storage = db.adapter({ options: '-c search_path=public,pg_catalog', statementTimeoutMs: 20_000 });
    await storage.connect();
    await useEverything(db, storage);
  }, 120_000);
});

/** Forms of SQL that look like calls. */
const KEYWORDS =
  'coalesce nullif least greatest exists values in any row case cast and or not on as select set where key lateral unique extract with from over rows check filter using array when then else references primary foreign constraint add conflict returning materialized join numeric varchar timestamp timestamptz text decimal interval'.split(
    ' ',
  );

/** Functions of ours, which are called with exactly the types that they take: no other one fits better. */
const OWN = /^auth_(make|drop)_event_months /;

it('every function call with arguments in a statement of the store is qualified with its schema', () => {
  const unqualified = filesUnder(join(ROOT, 'src', 'store'), '.rs')
    .filter((path) => !path.endsWith('schema.rs'))
    .flatMap((path) =>
      [...readFileSync(path, 'utf8').matchAll(/"((?:[^"\\]|\\[\s\S])*)"/g)].flatMap(([, text]) =>
        [...(text as string).matchAll(/(?<![\w.":])([a-z_]\w*)\(([^)*\s])/gi)].map(([, name, first]) => ({
          name,
          first,
          path,
          text,
        })),
      ),
    )
    .filter(({ text }) => /\b(SELECT|INSERT|UPDATE|DELETE|WHERE|AND|SET|COLLATE)\b/.test(text as string))
    .filter(({ name }) => !KEYWORDS.includes((name as string).toLowerCase()))
    // With several arrays, unnest is a special form that the server always looks up in pg_catalog.
    .filter(({ name, text }) => !(name === 'unnest' && /unnest\([^)]*,/.test(text as string)))
    .map(({ name, path }) => `${name} in ${path.slice(ROOT.length + 1)}`);
  // The remaining matches are column lists after the name of a table or an alias.
  expect(
    unqualified.filter(
      (line) => !/^(users|made|new|event|patch|given|wanted|token_id|stored|won|old) /.test(line) && !OWN.test(line),
    ),
  ).toEqual([]);
});
