/** Every SQL statement of the store is prepared by a real server, on the real schema: none is left untried. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { useDatabase } from './helpers/database';
import { argumentsOf, call, makeScene } from './helpers/every-method';
import { until, whileLocked } from './helpers/failing';
import { eventInput, inMs, sessionInput, unique } from './helpers/fixtures';
import { Relay } from './helpers/relay';

const db = useDatabase();
const STORE = join(__dirname, '..', 'src', 'store');

/** Methods that find rows by key: many calls at once become another statement. */
const LOOKUPS = [
  ...[
    'getUser',
    'getUserByEmail',
    'getPasswordHash',
    'getSession',
    'getApiKey',
    'getApiKeyByHash',
    'verifyApiKeySecret',
    'getApiKeyContext',
    'getSessionContext',
    'getRole',
  ],
  ...['getOrganization', 'getEmailVerificationTokenById', 'getSSOProvider', 'getSSOLink', 'getSSOSession'],
  ...['getTenantSAMLConfig', 'getTwoFactorDevice', 'getTwoFactorSession'],
];

/** Methods that read, when there is nothing to change. */
const UPDATES = ['updateUser', 'updateSession', 'updateApiKey', 'updateOrganization', 'updateRole'];
const VARIANT_UPDATES = ['updateSSOProvider', 'updateTwoFactorDevice'];

/** White space does not matter. */
const plain = (sql: string) => sql.replace(/\s+/g, ' ').trim();

/** The text of a Rust string literal, without its quotes. */
const unescaped = (literal: string) =>
  literal.replace(/\\(\n\s*|.)/gs, (_, meant: string) => (meant.startsWith('\n') ? '' : meant));

interface Statement {
  file: string;
  line: number;
  /** The literal parts; between them stand the columns. */
  parts: string[];
}

/** The statements in a file's `query(…)`, `query_as(…)` and `by_key!(…)`. */
function statementsOf(file: string): Statement[] {
  const source = readFileSync(join(STORE, file), 'utf8').replace(/\n#\[cfg\(test\)\][\s\S]*/, '');
  return [...source.matchAll(/\b(?:query|query_as|query_scalar|by_key!)\(/g)].flatMap(({ 0: name, index }) => {
    const literals = literalsFrom(source, index + name.length);
    const line = source.slice(0, index).split('\n').length;
    if (!name.startsWith('by_key')) return literals.length > 0 ? [{ file, line, parts: literals }] : [];
    return lookups(literals, source.slice(index)).map((parts) => ({ file, line, parts }));
  });
}

/** The string literals up to the parenthesis that closes the one before `start`. */
function literalsFrom(source: string, start: number): string[] {
  const token = /"((?:[^"\\]|\\[\s\S])*)"|\/\/[^\n]*|[()]/g;
  token.lastIndex = start;
  const literals: string[] = [];
  for (let depth = 1; depth > 0; ) {
    const match = token.exec(source);
    if (match === null) throw new Error('a statement without an end');
    if (match[0] === '(') depth += 1;
    else if (match[0] === ')') depth -= 1;
    else if (match[1] !== undefined) literals.push(plain(unescaped(match[1])));
  }
  return literals;
}

/** Both forms of a look-up. Its literals are the operation, the key, and maybe a condition. */
function lookups([, key, condition]: string[], source: string): string[][] {
  const table = /^by_key!\(\s*\w+,\s*"\w+",\s*(\w+),/.exec(source)?.[1];
  if (table === undefined) throw new Error('a look-up without a table');
  const and = condition === undefined ? '' : ` AND ${condition}`;
  return ['= $1', '= ANY($1)'].map((operator) => ['SELECT', `FROM ${table} WHERE ${key} ${operator}${and}`]);
}

function isIn(sql: string, parts: string[]): boolean {
  let at = 0;
  return parts.every((part) => {
    const found = sql.indexOf(part, at);
    at = found + part.length;
    return found >= 0;
  });
}

/** What a server has been asked to prepare while every method was called, in each of its ways. */
async function preparedStatements(): Promise<string[]> {
  const relay = await Relay.start(db.url);
  // With one connection alone, a write that comes alone would be sent as those that share a statement.
  const storage = db.adapter({ max: 2 }, relay.url);
  try {
    const scene = await makeScene(storage);
    const calls = argumentsOf(scene);
    for (const method of UPDATES) {
      const [id, patch] = calls[method as keyof typeof calls];
      await call(storage, method, [id, {}]);
      await expect(call(storage, method, [id, patch, { ifUpdatedAt: new Date(0) }])).rejects.toThrow('changed since');
    }
    await call(storage, 'setPasswordHash', [scene.userId, null]);
    await expect(
      call(storage, 'updateTwoFactorDevice', [calls.updateTwoFactorDevice[0], { secret: null }]),
    ).rejects.toThrow();
    for (const method of VARIANT_UPDATES) await call(storage, method, [calls[method as keyof typeof calls][0], {}]);
    await call(storage, 'listSSOProviders', []);
    // A refusal that has to look up which field is at fault.
    await expect(
      call(storage, 'updateSSOProvider', [calls.updateSSOProvider[0], { client_id: null, idp_entity_id: null }]),
    ).rejects.toThrow();
    for (const method of LOOKUPS) {
      await Promise.all(Array.from({ length: 20 }, () => call(storage, method, [unique()])));
    }
    await Promise.all(Array.from({ length: 20 }, () => storage.createSession(sessionInput(scene.userId))));
    await Promise.all(Array.from({ length: 20 }, () => storage.createUser({})));
    // The answer is lost once, so that the statement is sent in doubt: until it was one that several calls share.
    await until(async () => {
      let isLost = false;
      relay.onMessage(({ from, type }) => {
        if (from === 'client' || type !== '2' || isLost) return 'pass';
        isLost = true;
        return 'cut';
      });
      await Promise.all(Array.from({ length: 20 }, () => storage.createUser({})));
      return relay.statements.some((sql) => isIn(plain(sql), ['INSERT INTO users', 'unnest(', 'DO UPDATE']));
    });
    // Calls that wait for a lock ask which of them it concerns; for that there must be a second connection.
    const several = db.adapter({ max: 4 }, relay.url);
    await whileLocked(db, 'SELECT FROM users WHERE id = $1 FOR UPDATE', [scene.userId], async (release) => {
      const created = Array.from({ length: 20 }, () => several.createSession(sessionInput(scene.userId)));
      await until(async () => relay.statements.some((sql) => sql.includes('free_users')));
      await release();
      await Promise.all(created);
    });
    await several.disconnect();
    await Promise.all(Array.from({ length: 20 }, () => storage.emitEvent(eventInput())));
    await Promise.all(Array.from({ length: 20 }, () => storage.getUserRoles(scene.userId, scene.orgId)));
    const sessions = await Promise.all([1, 2, 3].map(() => storage.createSession(sessionInput(scene.userId))));
    await Promise.all(
      Array.from({ length: 21 }, (_, at) => storage.updateSession(sessions[at % 3]?.id as string, { plan: `${at}` })),
    );
    await storage.getSessionContext(unique());
    // Several at once, of which each is to expire later than before.
    const contexts = sessions.flatMap(({ id }) => [1, 2].map((hours) => ({ id, extendTo: inMs(hours * 7_200_000) })));
    await Promise.all(contexts.map(({ id, extendTo }) => storage.getSessionContext(id, { extendTo })));
    for (const [method, args] of Object.entries(calls)) await call(storage, method, args);
    await storage.healthCheck();
    // A user that has more events than one transaction changes.
    for (const events of ['pseudonymise', 'delete'] as const) {
      const { id } = await storage.createUser({ email: `${events}@example.com` });
      await db.query(`INSERT INTO auth_events (type, principal_id) SELECT 'x', $1 FROM generate_series(1, 10001)`, [
        id,
      ]);
      await storage.eraseUser(id, { events });
    }
    const background = db.adapter({ sweepIntervalMs: 1_000 }, relay.url);
    await background.connect();
    await until(async () => relay.statements.some((sql) => sql.includes('claimed_by = NULL')));
    await background.disconnect();
    return relay.statements.map(plain);
  } finally {
    await storage.disconnect();
    await relay.close();
  }
}

it('every statement in src/store is prepared on a real server when all methods are called', async () => {
  const prepared = new Set(await preparedStatements());
  const inSource = readdirSync(STORE).flatMap(statementsOf);
  expect(inSource.length).toBeGreaterThan(90);
  const untried = inSource.filter(({ parts }) => ![...prepared].some((sql) => isIn(sql, parts)));
  expect(untried).toEqual([]);
});

it('every statement of a constant in src/store is prepared by the server as well', async () => {
  const constants = readdirSync(STORE).flatMap((file) =>
    [
      ...readFileSync(join(STORE, file), 'utf8').matchAll(
        /\bconst \w+: &str =\s*"\s*((?:WITH|SELECT|DELETE|UPDATE)\b(?:[^"\\]|\\.)*)"/g,
      ),
    ].map(([, sql]) => unescaped(sql as string)),
  );
  expect(constants.length).toBeGreaterThan(1);
  for (const sql of constants) await db.query(`PREPARE tried AS ${sql}; DEALLOCATE tried`);
});

it('every statement in src/store lists its columns instead of *', () => {
  for (const { file, line, parts } of readdirSync(STORE).flatMap(statementsOf)) {
    expect({ file, line, sql: parts.join(' … ') }).not.toMatchObject({
      sql: expect.stringMatching(/(SELECT|RETURNING) \*/),
    });
  }
});
