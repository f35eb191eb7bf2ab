/** The command `auth-postgres` as a process in a pipe; test:system has what a terminal adds. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CATALOGUE } from './helpers/catalogue';
import { COMMAND, type CommandResult, command, commandEnvironment, start } from './helpers/command';
import { useDatabase } from './helpers/database';
import { eventInput } from './helpers/fixtures';
import { FIRST, LAST, MIGRATIONS, NEWEST_FIRST } from './helpers/migrations';

const db = useDatabase({ migrated: false });

/** With our database, which `AUTH_POSTGRES_URL` names. */
const run = (...args: string[]) => command(args, { AUTH_POSTGRES_URL: db.url });
const json = async (...args: string[]) => JSON.parse((await run(...args, '--json')).stdout);
const lines = ({ stdout }: CommandResult) => stdout.trimEnd().split('\n');

beforeEach(() => db.storage.migrate());

const empty = async () => {
  await db.storage.rollback({ to: null, dropData: true });
};

describe('migrate', () => {
  it('applies what is pending, with a line for each migration on stderr', async () => {
    await empty();
    const { code, stdout, stderr } = await run('migrate');
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${MIGRATIONS.length} migrations applied\n` });
    expect(
      stderr
        .trimEnd()
        .split('\n')
        .map((line) => line.split(' ')[1]),
    ).toEqual(MIGRATIONS);
    expect(await run('migrate')).toEqual({ code: 0, stdout: 'Nothing is pending.\n', stderr: '' });
  });

  it('with --to stops at that migration', async () => {
    await empty();
    await expect(json('migrate', '--to', FIRST)).resolves.toEqual({ migrations: [FIRST] });
    const { code, stderr } = await run('migrate', '--to', 'nothing');
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('`to` is not the id of a migration') });
  });

  it('with --dry-run prints SQL that migrates an empty database, and changes nothing', async () => {
    const migrated = await db.query(CATALOGUE);
    await empty();
    const { code, stdout, stderr } = await run('migrate', '--dry-run');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(await db.query(CATALOGUE)).toEqual([]);
    await db.query(stdout);
    expect(await db.query(CATALOGUE)).toEqual(migrated);
    await expect(run('migrate', '--dry-run')).resolves.toMatchObject({ stdout: '-- Nothing is pending.\n' });
    await expect(json('migrate', '--dry-run')).resolves.toEqual({ migrations: [], sql: '' });
  });
});

describe('status', () => {
  it('lists the migrations, and exits with 1 unless all have been applied', async () => {
    const current = await run('status');
    expect(current).toMatchObject({ code: 0, stderr: '' });
    expect(lines(current)).toEqual([
      'schema public',
      ...MIGRATIONS.map((id) => expect.stringContaining(`applied  ${id}`)),
    ]);
    await db.storage.rollback({ to: FIRST, dropData: true });
    const older = await run('status');
    expect(older.code).toBe(1);
    expect(older.stdout).toContain(`pending  ${LAST}`);
    await expect(json('status')).resolves.toMatchObject({ schema: 'public', isCurrent: false });
  });
});

describe('rollback', () => {
  it('without a terminal and --yes shows what would be undone, does nothing, and exits with 2', async () => {
    const { code, stdout, stderr } = await run('rollback', '--to', 'none');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    for (const id of MIGRATIONS) expect(stderr).toContain(id);
    expect(stderr).toContain('pass --yes');
    await expect(run('status')).resolves.toMatchObject({ code: 0 });
  });

  it('refuses to lose rows without --drop-data, and counts them', async () => {
    await db.storage.createUser({});
    const { code, stderr } = await run('rollback', '--to', 'none', '--yes');
    expect(code).toBe(2);
    expect(stderr).toContain('users  1');
    expect(stderr).toContain('--drop-data');
    await expect(json('rollback', '--to', 'none', '--yes', '--drop-data')).resolves.toEqual({
      migrations: NEWEST_FIRST,
    });
    expect(await db.query(CATALOGUE)).toEqual([]);
  });

  it('undoes what comes after the migration in --to', async () => {
    await expect(run('rollback', '--to', FIRST, '--yes')).resolves.toMatchObject({
      code: 0,
      stdout: `${MIGRATIONS.length - 1} migrations undone\n`,
    });
    await expect(run('rollback', '--to', FIRST, '--yes')).resolves.toMatchObject({
      code: 0,
      stdout: 'There is nothing to undo.\n',
    });
    await expect(run('rollback')).resolves.toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--to is required'),
    });
  });
});

describe('sql, grants and baseline', () => {
  it('sql needs no database', async () => {
    const { code, stdout } = await command(['sql', '--schema', 'its', '--from', FIRST]);
    expect(code).toBe(0);
    expect(stdout).not.toContain(`-- ${FIRST}`);
    expect(stdout).toContain('"its".auth_migrations');
    const back = await command(['sql', '--from', FIRST, '--to', 'none', '--json']);
    expect(JSON.parse(back.stdout).sql).toContain('DROP TABLE "public".auth_migrations');
    await expect(command(['sql', '--from', 'x'])).resolves.toMatchObject({ code: 2 });
  });

  it('grants prints statements for psql', async () => {
    const printed = await run('grants', 'app');
    expect(lines(printed).every((line) => /^GRANT .* TO "app";$/.test(line))).toBe(true);
    expect((await json('grants', 'app')).statements).toHaveLength(lines(printed).length);
    await expect(run('grants')).resolves.toMatchObject({ code: 2 });
  });

  it('baseline notes tables that were made with the SQL, and refuses others with exit code 1', async () => {
    await db.query('DROP TABLE auth_migrations');
    expect(lines(await run('baseline'))).toEqual(MIGRATIONS.map((id) => `noted ${id}`));
    await expect(json('baseline')).resolves.toEqual({ migrations: [] });
    await db.query('DROP TABLE auth_migrations; ALTER TABLE users ADD COLUMN extra text');
    await expect(run('baseline')).resolves.toMatchObject({ code: 1, stderr: expect.stringContaining('users.extra') });
    await db.query('ALTER TABLE users DROP COLUMN extra');
    await expect(run('baseline')).resolves.toMatchObject({ code: 0 });
  });
});

describe('doctor', () => {
  it.each([
    ['of_its_own', 'of_its_own'],
    ["what's this", "'what'\\''s this'"],
  ])('names the schema %j in the command that makes its tables', async (schema, word) => {
    const { code, stdout } = await run('doctor', '--schema', schema);
    expect(code).toBe(1);
    expect(stdout).toContain(`repair:   auth-postgres migrate --schema ${word}\n`);
    await db.query(`CREATE SCHEMA "${schema}"`);
    const { stderr } = await run('sweep', '--schema', schema);
    expect(stderr).toContain('`auth-postgres migrate`');
  });

  it('exits with 0 for a healthy database, and with 1 where something has to be done', async () => {
    const healthy = await run('doctor');
    expect(healthy).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('0 findings to act on') });
    await db.query('DROP INDEX user_roles_role_id_idx');
    const ill = await run('doctor');
    expect(ill.code).toBe(1);
    for (const text of [
      '✗ index user_roles_role_id_idx of user_roles schema.drift',
      'expected: ',
      'actual:   missing',
      'repair:   CREATE INDEX',
    ])
      expect(ill.stdout).toContain(text);
    const findings = await json('doctor');
    const { repair } = findings.find(({ severity }: { severity: string }) => severity === 'error');
    await db.query(repair);
    await expect(run('doctor', '--all')).resolves.toMatchObject({
      code: 0,
      stdout: expect.stringContaining('✓ latency'),
    });
  });

  it('judges the connections by --max and --processes', async () => {
    const { code, stdout } = await run('doctor', '--max', '100', '--processes', '100');
    expect({ code, stdout }).toEqual({ code: 1, stdout: expect.stringContaining('max 100 × 100 processes = 10000') });
    await expect(run('doctor', '--max', 'many')).resolves.toMatchObject({ code: 2 });
  });
});

describe('the connection', () => {
  it('is that of --url, then of AUTH_POSTGRES_URL, DATABASE_URL and the variables of libpq', async () => {
    const wrong = 'postgres://127.0.0.1:1/x';
    const status = (args: string[], env: Record<string, string>) => command(['status', ...args], env);
    const codes = await Promise.all([
      status(['--url', db.url], { AUTH_POSTGRES_URL: wrong, DATABASE_URL: wrong, PGHOST: wrong }),
      status([], { AUTH_POSTGRES_URL: db.url, DATABASE_URL: wrong, PGHOST: wrong }),
      status([], { DATABASE_URL: db.url, PGHOST: wrong }),
      status([], libpq()),
      status(['--url', wrong], { AUTH_POSTGRES_URL: db.url }),
      status([], {}),
    ]);
    expect(codes.map(({ code }) => code)).toEqual([0, 0, 0, 0, 3, 2]);
    expect(codes[5]?.stderr).toContain('which database?');
  });

  const libpq = () => {
    const { hostname, port, username, password, pathname } = new URL(db.url);
    return {
      ...{ PGHOST: hostname, PGPORT: port, PGUSER: username, PGPASSWORD: password, PGDATABASE: pathname.slice(1) },
    };
  };

  it('uses the schema of --schema', async () => {
    await expect(run('migrate', '--schema', 'apart')).resolves.toMatchObject({ code: 0 });
    await expect(json('status', '--schema', 'apart')).resolves.toMatchObject({ schema: 'apart', isCurrent: true });
  });

  it.each([
    ['a server that refuses', 'postgres://u:hunter2%40x@127.0.0.1:1/x'],
    ['a name that nobody has', 'postgres://u:hunter2%40x@nowhere.invalid/x'],
  ])('of %s ends with exit code 3 and an error as JSON', async (_, url) => {
    const { code, stdout, stderr } = await command(['status', '--json', '--url', url]);
    expect(code).toBe(3);
    expect(stderr).toMatch(/^error: /);
    expect(JSON.parse(stdout).error.code).toBe('auth_postgres/connection_failed');
  });

  it('of a role that may open none ends with exit code 3', async () => {
    const role = `limited_${db.name}`;
    await db.query(`CREATE ROLE ${role} LOGIN PASSWORD 'hunter2' CONNECTION LIMIT 0`);
    const url = Object.assign(new URL(db.url), { username: role, password: 'hunter2' });
    try {
      await expect(run('status', '--url', url.href)).resolves.toMatchObject({ code: 3 });
    } finally {
      await db.query(`DROP ROLE ${role}`);
    }
  });

  it('with a wrong password ends with exit code 3', async () => {
    const url = new URL(db.url);
    url.password = 'hunter2';
    await expect(run('doctor', '--url', url.href)).resolves.toMatchObject({ code: 3 });
  });

  it.each([
    ['a closed port', () => 'postgres://127.0.0.1:1/x', /\(127\.0\.0\.1:1\): .*refused/],
    ['a server without TLS', () => `${db.url}?sslmode=require`, /: .*server does not support TLS/],
  ])('of %s says why, as text and as JSON', async (_, url, why) => {
    const { stdout, stderr } = await command(['status', '--json', '--url', url()]);
    expect(stderr).toMatch(why);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(stderr.trimEnd().endsWith(JSON.parse(stdout).error.cause)).toBe(true);
  });
});

describe('a password', () => {
  const secret = 'hunter2@x';
  const encoded = encodeURIComponent(secret);
  const url = `postgres://u:${encoded}@127.0.0.1:1/x`;

  it.each([
    ['the help', ['--help'], {}],
    ['the help of a command', ['migrate', '--help'], {}],
    ['an error of the connection', ['status', '--url', url], {}],
    ['an error of the connection as JSON', ['status', '--json', '--url', url], {}],
    ['an error of the URL', ['status', '--url', `postgres://u:${encoded}@127.0.0.1:port/x`], {}],
    ['an error of a parameter', ['status', '--url', `${url}?unknown=${encoded}&password=${encoded}`], {}],
    ['an unknown option', ['status', `--ur=${url}`], {}],
    ['an unknown command', [url], {}],
    ['a superfluous argument', ['status', url], {}],
    ['an invalid value', ['doctor', '--max', url], {}],
    ['the environment', ['status'], { DATABASE_URL: url }],
    ['the variables of libpq', ['status'], { PGHOST: '127.0.0.1', PGPORT: '1', PGPASSWORD: secret }],
  ])('does not appear in %s', async (_, args, env) => {
    const { stdout, stderr } = await command(args, { AUTH_POSTGRES_URL: '', DATABASE_URL: url, ...env });
    for (const text of [secret, encoded, 'hunter2']) expect(stdout + stderr).not.toContain(text);
  });

  // What the library takes for a URL with a password, and what it does not.
  const misplaced = [
    ...['postgres://u:hunter2@h/x', 'postgres://me@corp:hunter2@h/x', 'postgres://me:correct hunter2@h/x'],
    ...['postgresql://u:"hunter2"@h/x', "POSTGRES://u:it's hunter2@h/x", 'postgres://:hunter2', 'p://u:hunter2@h/x'],
    ...['p://u:"hunter2\\@h/x', 'p://me@corp:a hunter2@h/x'],
  ];

  it.each([
    ['a command', (text: string) => [text]],
    ['an option', (text: string) => ['status', `--ulr=${text}`]],
    ['a number', (text: string) => ['doctor', '--max', text]],
    ['a schema', (text: string) => ['status', '--schema', text]],
    ['a schema of a script', (text: string) => ['sql', '--schema', text]],
    ['a migration', (text: string) => ['migrate', '--to', text]],
    ['a kind', (text: string) => ['sweep', '--kinds', text]],
    ['a role', (text: string) => ['grants', text]],
    ['a user who is exported', (text: string) => ['export-user', text]],
    ['a user who is erased', (text: string) => ['erase-user', text, '--events', 'keep', '--yes']],
    ['a user of sessions', (text: string) => ['sessions', text, '--revoke', '--yes']],
    ['a filter', (text: string) => ['events', '--from', text]],
  ])(
    'of a URL in the place of %s is not repeated',
    async (_, args) => {
      const results = await Promise.all(
        misplaced.flatMap((text) => [run(...args(text)), run(...args(text), '--json')]),
      );
      for (const { stdout, stderr } of results) expect(stdout + stderr).not.toContain('hunter2');
      expect(new Set(results.map(({ code }) => code))).toEqual(new Set([2]));
    },
    60_000,
  );

  it.each([
    ...['u:hunter2@h/x', "u:it's hunter2@h", 'postgresql:u:hunter2@h/x', '//u:hunter2@h/x'],
    ...['password = hunter2', `host=h password='correct hunter2'`],
  ])('of %s, which is no URL, is not repeated', async (text) => {
    const cases = [[text], ['status', `--ulr=${text}`], ['doctor', '--max', text], ['status', '--url', text]];
    for (const args of cases.flatMap((each) => [each, [...each, '--json']])) {
      const { stdout, stderr, code } = await command(args, {});
      expect(stdout + stderr).not.toContain('hunter2');
      expect(code).toBe(2);
    }
  });

  it('is hidden in results, where it stands in a URL, and nothing else is', async () => {
    const { password } = new URL(db.url);
    const kept = {
      link: 'http://127.0.0.1:8080/a?to=b@example.com',
      mail: 'me:you@example.com',
      text: `the ${password}`,
    };
    const data = (word: string) => ({ url: `postgres://u:${word}@h/x`, ...kept });
    await db.storage.emitEvent(eventInput({ principalId: 'its', data: data(password) }));
    expect((await json('events', '--principal', 'its'))[0].data).toEqual(data('***'));
    expect((await run('events', '--principal', 'its')).stdout).toContain(JSON.stringify(data('***')));
    // Where the last `@` of the URL does not end its password.
    const url = `${db.url}${db.url.includes('?') ? '&' : '?'}application_name=a@b`;
    const { stdout } = await command(['events', '--principal', 'its'], { AUTH_POSTGRES_URL: url });
    expect(stdout).toContain(JSON.stringify(data('***')));
  });
});

describe('a text that would forge a line', () => {
  const forged = 'x\n✓ forged\r\x1b[2K\x9b1A\u2028\u202e\u061c\u200e\u200f';
  const quoted = `"${forged}"`;
  const noted = `INSERT INTO auth_migrations (id, checksum, duration_ms) VALUES ('${forged}', '', 0)`;

  it.each([
    ['doctor', ['doctor'], `ALTER TABLE users ADD CONSTRAINT ${quoted} CHECK (name <> '${forged}')`],
    ['status', ['status'], noted],
    ['migrate', ['migrate'], noted],
    ['rollback', ['rollback', '--to', FIRST], noted],
    ['baseline', ['baseline'], `DROP TABLE auth_migrations; ALTER TABLE users ADD COLUMN ${quoted} text`],
    [
      'erase-user',
      ['erase-user', forged, '--events', 'keep', '--yes'],
      `INSERT INTO users (id, email) VALUES ('${forged}', '${forged}')`,
    ],
    ['sessions', ['sessions', forged, '--revoke', '--yes'], 'SELECT'],
    ['export-user', ['export-user', forged], 'SELECT'],
    ['erase-user', ['erase-user', forged, '--events', 'keep'], 'SELECT'],
  ])('is one line of %s', async (_, args, sql) => {
    await db.query(sql);
    try {
      const { stdout, stderr } = await run(...args);
      expect(stdout + stderr).toContain('\\u000a✓ forged\\u000d\\u001b[2K\\u009b1A\\u2028\\u202e\\u061c\\u200e\\u200f');
      expect(stdout + stderr).not.toMatch(/[^\P{Cc}\n]|[\u2028\u202e\u061c\u200e\u200f]|^✓ forged/mu);
    } finally {
      await db.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
    }
  });
});

describe('the help', () => {
  it('names every command, and has examples and exit codes', async () => {
    const { code, stdout } = await command(['--help']);
    expect(code).toBe(0);
    expect(stdout).toContain('Exit codes: 0 done');
    const { COMMANDS } = jest.requireActual<typeof import('../lib/cli/commands.js')>('../lib/cli/commands.js');
    const guide = readFileSync(join(__dirname, '..', 'docs', 'command-line.md'), 'utf8');
    for (const { name, options = [] } of COMMANDS) {
      expect(stdout).toContain(`  ${name} `);
      const help = await command([name, '--help']);
      expect(help).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('Examples:\n') });
      expect(guide).toContain(`auth-postgres ${name}`);
      for (const [flags] of options) expect(guide).toContain(`\`${flags.split(' ')[0]}`);
    }
  });

  it('goes to stderr with exit code 2 where nothing was asked for, and the version is that of the package', async () => {
    await expect(command([])).resolves.toMatchObject({ code: 2, stdout: '' });
    const { version } = JSON.parse(readFileSync(join(__dirname, '..', 'package.json'), 'utf8'));
    await expect(command(['--version'])).resolves.toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });
});

describe('wrong usage', () => {
  it.each([
    ['a URL without --url', ['rollback', '--to', 'none', '--drop-data', '--yes', 'postgres://127.0.0.1:1/x']],
    ['a second id', ['erase-user', 'one', 'another', '--events', 'delete', '--yes']],
    ['an empty --url', ['rollback', '--to', 'none', '--drop-data', '--yes', '--url', '']],
    ['an empty --schema', ['rollback', '--to', 'none', '--drop-data', '--yes', '--schema', '']],
    ['an empty id', ['erase-user', '', '--events', 'delete', '--yes']],
    ['an empty filter', ['events', '--principal', '']],
    ['an unknown option', ['sweep', '--nonsense']],
    ['an impossible port', ['dev', '--port', '99999999']],
    ['an invalid value', ['sweep', '--limit', 'many']],
    ['a missing argument', ['export-user']],
    ['an unknown command', ['nonsense']],
  ])('such as %s does nothing, and ends with exit code 2 and an error as JSON', async (_, args) => {
    const { code, stdout, stderr } = await run(...args, '--json');
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toEqual({ error: { message: expect.stringMatching(/^(?!error)./) } });
    expect(stderr).toMatch(/^error: /);
    await expect(json('status')).resolves.toMatchObject({ isCurrent: true });
  });
});

it.each([
  ['status', 1],
  ['migrate', 0],
])('%s does its work and has its exit code when nobody reads what it says', async (name, expected) => {
  await empty();
  const { child, ended } = start(process.execPath, [COMMAND, name], {
    env: commandEnvironment({ DATABASE_URL: db.url }),
  });
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
  await expect(ended).resolves.toMatchObject({ code: expected });
  await expect(json('status')).resolves.toMatchObject({ isCurrent: name === 'migrate' });
});

it('says so and exits with 1 when its output cannot be written', async () => {
  const { child, ended } = start('sh', ['-c', `'${process.execPath}' '${COMMAND}' sql > /dev/full`], {
    env: commandEnvironment(),
  });
  child.stdin.end();
  const stderr = 'error: the output could not be written (ENOSPC)\n';
  await expect(ended).resolves.toEqual({ code: 1, stdout: '', stderr });
});

it('says nothing when its reader stops reading', async () => {
  const { child, ended } = start('sh', ['-c', `'${process.execPath}' '${COMMAND}' sql | head -n 1`], {
    env: commandEnvironment(),
  });
  child.stdin.end();
  await expect(ended).resolves.toEqual({ code: 0, stdout: `-- ${FIRST}\n`, stderr: '' });
});

describe('colours', () => {
  const ESCAPE = '\x1b[';

  it('are left out in a pipe, unless FORCE_COLOR asks for them', async () => {
    const status = async (env: Record<string, string>) =>
      (await command(['status'], { DATABASE_URL: db.url, ...env })).stdout.includes(ESCAPE);
    await expect(status({})).resolves.toBe(false);
    await expect(status({ FORCE_COLOR: '1' })).resolves.toBe(true);
    await expect(status({ FORCE_COLOR: '0' })).resolves.toBe(false);
  });
});
