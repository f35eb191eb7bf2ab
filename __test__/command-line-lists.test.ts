/** The commands `events` and `sessions` of `auth-postgres`, as processes in a pipe. */
import { Client } from 'pg';
import { COMMAND, type CommandResult, command, commandEnvironment, start } from './helpers/command';
import { useDatabase } from './helpers/database';
import { anHourAgo, eventInput, sessionInput, userInput } from './helpers/fixtures';
import { TcpProxy } from './helpers/proxy';

const db = useDatabase();
const run = (...args: string[]) => command(args, { AUTH_POSTGRES_URL: db.url });
const json = async (...args: string[]) => JSON.parse((await run(...args, '--json')).stdout);
const lines = ({ stdout }: CommandResult) => stdout.trimEnd().split('\n');

describe('events', () => {
  const at = (second: number) => new Date(Date.UTC(2026, 0, 2, 3, 4, second));
  const types = (events: { type: string }[]) => events.map(({ type }) => type);

  beforeAll(async () => {
    const emit = (type: string, second: number, principalId: string, orgId: string) =>
      db.storage.emitEvent(eventInput({ type, timestamp: at(second), principalId, orgId, data: { second } }));
    await emit('first', 1, 'ada', 'north');
    await emit('second', 2, 'bob', 'north');
    await emit('third', 3, 'ada', 'south');
  });

  it('prints a line for each, the oldest first', async () => {
    const printed = await run('events');
    expect(printed).toMatchObject({ code: 0, stderr: '' });
    expect(lines(printed)).toEqual([
      '2026-01-02T03:04:01.000Z first ada north {"second":1}',
      '2026-01-02T03:04:02.000Z second bob north {"second":2}',
      '2026-01-02T03:04:03.000Z third ada south {"second":3}',
    ]);
  });

  it.each([
    [
      ['--principal', 'ada'],
      ['first', 'third'],
    ],
    [
      ['--org', 'north'],
      ['first', 'second'],
    ],
    [['--type', 'second'], ['second']],
    [
      ['--from', '2026-01-02T03:04:02Z'],
      ['second', 'third'],
    ],
    [['--to', '2026-01-02T03:04:02Z'], ['first']],
    [
      ['--limit', '2'],
      ['second', 'third'],
    ],
    [['--principal', 'nobody'], []],
  ])('with %j prints %j', async (args, expected) => {
    expect(types(await json('events', ...args))).toEqual(expected);
  });

  it('rejects a time that is none with exit code 2', async () => {
    await expect(run('events', '--from', 'yesterday')).resolves.toMatchObject({ code: 2 });
  });

  it('prints what is stored so that nobody can begin a line of their own, or move the cursor', async () => {
    const forged = 'x\n2026-01-02T03:04:02.000Z\r\x1b[2K\x9b1A\u2028\u202e';
    const odd = eventInput({ type: forged, principalId: 'odd', orgId: forged, data: { [forged]: forged } });
    await db.storage.emitEvent(odd);
    const { stdout } = await run('events', '--principal', 'odd');
    const printed = await run('events', '--principal', 'odd', '--json');
    for (const text of [stdout, printed.stdout]) expect(text).toMatch(/^[\x20-\x7e\n]*$/);
    expect(lines({ stdout } as CommandResult)).toHaveLength(1);
    expect(JSON.parse(printed.stdout)).toMatchObject([{ type: forged, orgId: forged, data: { [forged]: forged } }]);
    await db.query(`DELETE FROM auth_events WHERE principal_id = 'odd'`);
  });

  it('with --follow prints no older events than those of --limit and --from, and those that come late once', async () => {
    const now = Date.now();
    const emit = (type: string, ago: number) =>
      db.storage.emitEvent(eventInput({ type, principalId: 'many', timestamp: new Date(now - ago) }));
    for (let n = 0; n < 20; n++) await emit(`e${n}`, 5_000 - n * 100);
    const begin = (...args: string[]) =>
      start(process.execPath, [COMMAND, 'events', '--follow', '--json', '--principal', 'many', ...args], {
        env: commandEnvironment({ DATABASE_URL: db.url }),
      });
    const limited = begin('--limit', '3');
    await limited.shows('"e19"');
    const recent = begin('--from', new Date(now - 1_000).toISOString());
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await emit('late', 4_000);
    await emit('new', 0);
    for (const { child, shows } of [limited, recent]) {
      await shows('"new"');
      await new Promise((resolve) => setTimeout(resolve, 1_200));
      child.kill('SIGINT');
    }
    const printed = ({ stdout }: CommandResult) =>
      types(
        stdout
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line)),
      );
    expect(printed(await limited.ended)).toEqual(['e17', 'e18', 'e19', 'late', 'new']);
    expect(printed(await recent.ended)).toEqual(['new']);
    await db.query(`DELETE FROM auth_events WHERE principal_id = 'many'`);
  });

  it('with --follow goes on when the server was away', async () => {
    const proxy = await TcpProxy.start(db.url);
    const { child, result, ended, shows } = start(process.execPath, [COMMAND, 'events', '--follow'], {
      env: commandEnvironment({ DATABASE_URL: proxy.url }),
    });
    await shows('third');
    proxy.refuse();
    proxy.cut();
    await shows('error: ');
    await db.storage.emitEvent(eventInput({ type: 'afterwards', principalId: 'away', timestamp: new Date() }));
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    proxy.allow();
    await shows('afterwards');
    child.kill('SIGINT');
    await expect(ended).resolves.toMatchObject({ code: 130 });
    expect(result.stderr.match(/error: (?!interrupted)/g)).toHaveLength(1);
    await db.query(`DELETE FROM auth_events WHERE principal_id = 'away'`);
  });

  it('with --follow goes on when somebody had locked the table for longer than a statement may take', async () => {
    await db.query(`ALTER DATABASE ${db.name} SET lock_timeout = 100`);
    const client = new Client({ connectionString: db.url });
    await client.connect();
    const { child, ended, shows } = start(process.execPath, [COMMAND, 'events', '--follow'], {
      env: commandEnvironment({ DATABASE_URL: db.url }),
    });
    try {
      await shows('third');
      await client.query('BEGIN; LOCK TABLE auth_events');
      await shows('error: ');
    } finally {
      await client.end();
      await db.query(`ALTER DATABASE ${db.name} RESET lock_timeout`);
    }
    await db.storage.emitEvent(eventInput({ type: 'unlocked', principalId: 'locked', timestamp: new Date() }));
    await shows('unlocked');
    child.kill('SIGINT');
    await expect(ended).resolves.toMatchObject({ code: 130 });
    await db.query(`DELETE FROM auth_events WHERE principal_id = 'locked'`);
  });

  it('with --follow prints the first event whatever the clock of its emitter says', async () => {
    const { child, ended, shows } = start(
      process.execPath,
      [COMMAND, 'events', '--follow', '--principal', 'slow clock'],
      { env: commandEnvironment({ DATABASE_URL: db.url }) },
    );
    // It has looked once when it is connected and at rest.
    const idle = () =>
      db.query(
        `SELECT FROM pg_stat_activity
          WHERE datname = $1 AND application_name = 'auth-postgres-cli' AND state = 'idle' AND query LIKE '%auth_events%'`,
        [db.name],
      );
    while ((await idle()).length === 0) await new Promise((resolve) => setTimeout(resolve, 25));
    await db.storage.emitEvent(eventInput({ type: 'early', principalId: 'slow clock', timestamp: anHourAgo() }));
    await shows('early');
    child.kill('SIGINT');
    await expect(ended).resolves.toMatchObject({ code: 130 });
    await db.query(`DELETE FROM auth_events WHERE principal_id = 'slow clock'`);
  });

  it('with --follow ends when nobody reads it any more', async () => {
    const { child, ended, shows } = start(process.execPath, [COMMAND, 'events', '--follow'], {
      env: commandEnvironment({ DATABASE_URL: db.url }),
    });
    await shows('third');
    child.stdout.destroy();
    await db.storage.emitEvent(eventInput({ principalId: 'last', timestamp: new Date() }));
    await expect(ended).resolves.toMatchObject({ code: 0, stderr: '' });
    await db.query(`DELETE FROM auth_events WHERE principal_id = 'last'`);
  });

  it('with --follow goes on, with each event once, until SIGINT', async () => {
    const { child, result, ended, shows } = start(process.execPath, [COMMAND, 'events', '--follow', '--json'], {
      env: commandEnvironment({ DATABASE_URL: db.url }),
    });
    await shows('"third"');
    for (const type of ['fourth', 'fifth']) {
      await db.storage.emitEvent(eventInput({ type, timestamp: new Date() }));
      await shows(`"${type}"`);
    }
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    child.kill('SIGINT');
    await expect(ended).resolves.toMatchObject({ code: 130 });
    expect(types(lines(result).map((line) => JSON.parse(line)))).toEqual([
      ...['first', 'second', 'third', 'fourth', 'fifth'],
    ]);
  });
});

describe('sessions', () => {
  const id = 'the-user';
  const secret = 'a-secret-handle-of-a-session';

  beforeEach(async () => {
    await db.storage.deleteUser(id);
    await db.storage.createUser(userInput({ id }));
    await db.storage.createSession(sessionInput(id, { id: secret }));
    await db.storage.createSession(sessionInput(id, { expiresAt: anHourAgo() }));
  });

  it('lists live sessions without what opens them, and expired ones on demand', async () => {
    const { code, stdout } = await run('sessions', id);
    expect(code).toBe(0);
    expect(stdout).toContain('a-secret…');
    expect(stdout).not.toContain(secret);
    expect(lines({ stdout } as CommandResult)).toHaveLength(2);
    expect(JSON.stringify(await json('sessions', id))).not.toContain(secret);
    expect(await json('sessions', id)).toHaveLength(1);
    expect(await json('sessions', id, '--expired')).toHaveLength(2);
    await db.storage.createSession(sessionInput(id, { id: 'short' }));
    expect((await run('sessions', id)).stdout).not.toContain('short');
    await expect(run('sessions', 'nobody')).resolves.toMatchObject({ code: 0, stdout: 'There are no sessions.\n' });
  });

  it('with --revoke and --yes ends all of them, and without a terminal and --yes none', async () => {
    await expect(run('sessions', id, '--revoke')).resolves.toMatchObject({ code: 2 });
    await expect(db.storage.getSession(secret)).resolves.not.toBeNull();
    await expect(json('sessions', id, '--revoke', '--yes')).resolves.toEqual({ revoked: 2 });
    await expect(db.storage.getSession(secret)).resolves.toBeNull();
    await expect(run('sessions', id, '--revoke')).resolves.toMatchObject({ code: 0, stdout: '0 sessions ended\n' });
  });
});
