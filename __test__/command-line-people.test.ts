/** The commands of `auth-postgres` about expired rows and about people, as processes in a pipe. */
import { type CommandResult, command } from './helpers/command';
import { useDatabase } from './helpers/database';
import { anHourAgo, eventInput, sessionInput, userInput } from './helpers/fixtures';

const db = useDatabase();
const run = (...args: string[]) => command(args, { AUTH_POSTGRES_URL: db.url });
const json = async (...args: string[]) => JSON.parse((await run(...args, '--json')).stdout);
const lines = ({ stdout }: CommandResult) => stdout.trimEnd().split('\n');
const count = async (table: string) => (await db.query(`SELECT count(*)::int AS n FROM ${table}`))[0].n;

describe('sweep', () => {
  beforeAll(async () => {
    const { id } = await db.storage.createUser(userInput());
    for (let n = 0; n < 5; n++) await db.storage.createSession(sessionInput(id, { expiresAt: anHourAgo() }));
    await db.storage.createSession(sessionInput(id));
  });

  it('with --dry-run counts the rows of each kind, and deletes none', async () => {
    const { code, stdout, stderr } = await run('sweep', '--dry-run');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^would be deleted\n/);
    expect(stdout).toMatch(/^sessions +5$/m);
    expect(stdout).toMatch(/^total +5$/m);
    expect(await count('sessions')).toBe(6);
  });

  it('takes kinds, a time, a limit and the size of batches', async () => {
    await expect(json('sweep', '--older-than', '2001-01-01T00:00:00Z')).resolves.toMatchObject({ sessions: 0 });
    await expect(json('sweep', '--kinds', 'apiKeys,ssoSessions')).resolves.toEqual({ apiKeys: 0, ssoSessions: 0 });
    await expect(json('sweep', '--kinds', 'sessions', '--limit', '2', '--batch-size', '1')).resolves.toEqual({
      sessions: 2,
    });
    await expect(run('sweep', '--kinds', 'cookies')).resolves.toMatchObject({ code: 2 });
    await expect(run('sweep', '--limit', '0')).resolves.toMatchObject({ code: 2 });
  });

  it('deletes what has expired, of which doctor knows afterwards', async () => {
    expect(lines(await run('sweep'))).toEqual(
      expect.arrayContaining(['deleted', expect.stringMatching(/^sessions +3$/)]),
    );
    expect(await count('sessions')).toBe(1);
    const findings = await db.storage.diagnose();
    expect(findings.find(({ id }) => id === 'data.sweep')).toMatchObject({
      severity: 'ok',
      actual: expect.stringMatching(/UTC, in \d+ ms, 3 rows$/),
    });
  });
});

describe('export-user and erase-user', () => {
  const id = 'the-person';

  beforeEach(async () => {
    await db.storage.deleteUser(id);
    await db.storage.createUser(userInput({ id, email: 'person@example.com', passwordHash: 'a hash' }));
    await db.storage.createSession(sessionInput(id));
    for (let n = 0; n < 3; n++) await db.storage.emitEvent(eventInput({ principalId: id }));
  });
  afterEach(() => db.query('DELETE FROM auth_events'));

  it('export-user prints what is stored, with as many events as --events says', async () => {
    const { code, stdout } = await run('export-user', id);
    expect(code).toBe(0);
    const found = JSON.parse(stdout);
    expect(found.user).toMatchObject({ id, email: 'person@example.com' });
    expect(found.sessions).toHaveLength(1);
    expect(found.events).toHaveLength(3);
    expect((await json('export-user', id, '--events', '1')).events).toHaveLength(1);
    expect((await json('export-user', id, '--events', '0')).events).toHaveLength(0);
  });

  it('export-user exits with 1 where nothing is stored', async () => {
    await expect(run('export-user', 'nobody')).resolves.toMatchObject({ code: 1, stdout: '' });
    await expect(run('export-user')).resolves.toMatchObject({ code: 2 });
  });

  it('erase-user without a terminal and --yes shows what would be lost, and does nothing', async () => {
    const { code, stderr } = await run('erase-user', id, '--events', 'keep');
    expect(code).toBe(2);
    expect(stderr).toContain('person@example.com');
    expect(stderr).toContain('sessions  1');
    expect(stderr).toContain('  password hash\n');
    expect(stderr).not.toContain('incomplete');
    expect(stderr).toContain('  events  3 (--events keep)\n');
    expect(stderr).toContain('pass --yes');
    await expect(db.storage.getUser(id)).resolves.not.toBeNull();
  });

  it('erase-user says what becomes of all that goes, of a user who is gone, too', async () => {
    await db.query(
      `INSERT INTO auth_events (type, principal_id, org_id, data, timestamp)
       SELECT 'many', $1, 'north', '{}', now() FROM generate_series(1, 1000)`,
      [id],
    );
    const shown = async (events: string) => (await run('erase-user', id, '--events', events)).stderr;
    expect(await shown('pseudonymise')).toContain('  events  more than 1000 (--events pseudonymise)\n');
    expect(await shown('delete')).toContain('  events  more than 1000 (--events delete)\n');
    await db.storage.deleteUser(id);
    expect(await shown('delete')).toContain('  events  more than 1000 (--events delete)\n');
  });

  it.each([
    ['keep', 3],
    ['pseudonymise', 0],
    ['delete', 0],
  ])('erase-user with --events %s leaves %i events of the person', async (events, left) => {
    await expect(json('erase-user', id, '--events', events, '--yes')).resolves.toEqual({ erased: true });
    await expect(db.storage.getUser(id)).resolves.toBeNull();
    expect(await count(`auth_events WHERE principal_id = '${id}'`)).toBe(left);
    if (left > 0) return;
    await expect(json('erase-user', id, '--events', events, '--yes')).resolves.toEqual({ erased: false });
  });

  it('erase-user wants to be told what happens to the events', async () => {
    for (const args of [[], ['--events', 'burn']]) {
      const { code, stderr } = await run('erase-user', id, '--yes', ...args);
      expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('keep, pseudonymise, delete') });
    }
  });
});
