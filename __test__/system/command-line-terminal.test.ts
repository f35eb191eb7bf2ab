/** The command `auth-postgres` in a terminal, which `script` of util-linux makes: colours, progress, questions, Ctrl-C. */
import { Client } from 'pg';
import { startInTerminal } from '../helpers/command';
import { useDatabase } from '../helpers/database';
import { MIGRATIONS } from '../helpers/migrations';

const db = useDatabase({ migrated: false });
const ESCAPE = '\x1b[';
const CTRL_C = '\x03';

const inTerminal = (args: string[], env: Record<string, string> = {}) =>
  startInTerminal(args, { DATABASE_URL: db.url, ...env });

beforeEach(() => db.storage.migrate());

describe('colours in a terminal', () => {
  const isColoured = async (env: Record<string, string>) => {
    const { code, stdout } = await inTerminal(['status'], env).ended;
    expect(code).toBe(0);
    return stdout.includes(ESCAPE);
  };

  it('are shown, unless NO_COLOR, FORCE_COLOR=0 or a dumb terminal forbids them', async () => {
    await expect(isColoured({})).resolves.toBe(true);
    await expect(isColoured({ NO_COLOR: '1' })).resolves.toBe(false);
    await expect(isColoured({ FORCE_COLOR: '0' })).resolves.toBe(false);
    await expect(isColoured({ TERM: 'dumb' })).resolves.toBe(false);
    await expect(isColoured({ NO_COLOR: '1', FORCE_COLOR: '1' })).resolves.toBe(true);
  });

  it('are left out of JSON and SQL', async () => {
    for (const args of [['status', '--json'], ['sql'], ['grants', 'app']]) {
      const { stdout } = await inTerminal(args).ended;
      expect(stdout).not.toContain(ESCAPE);
    }
  });
});

it('migrate shows its progress, and ends with the number of migrations', async () => {
  await db.storage.rollback({ to: null, dropData: true });
  const { code, stdout } = await inTerminal(['migrate']).ended;
  expect(code).toBe(0);
  expect(stdout).toContain('⠋');
  for (const id of MIGRATIONS) expect(stdout).toContain(id);
  expect(stdout.trimEnd().split('\r\n').at(-1)).toContain(`${MIGRATIONS.length} migrations applied`);
});

describe('rollback in a terminal', () => {
  const ask = 'Type "yes" to go on';
  const isMigrated = async () =>
    (await db.storage.migrationStatus()).migrations.every(({ state }) => state === 'applied');

  it('does nothing when the answer is not yes', async () => {
    const { child, ended, shows } = inTerminal(['rollback', '--to', 'none']);
    await shows(ask);
    child.stdin.write('y\n');
    await expect(ended).resolves.toMatchObject({ code: 2, stdout: expect.stringContaining('Nothing was done.') });
    await expect(isMigrated()).resolves.toBe(true);
  });

  it('does nothing after Ctrl-C, and exits with 130', async () => {
    const { child, ended, shows } = inTerminal(['rollback', '--to', 'none']);
    await shows(ask);
    child.stdin.write(CTRL_C);
    await expect(ended).resolves.toMatchObject({ code: 130 });
    await expect(isMigrated()).resolves.toBe(true);
  });

  it('rolls back when the answer is yes', async () => {
    const { child, ended, shows } = inTerminal(['rollback', '--to', 'none']);
    await shows(ask);
    child.stdin.write('yes\n');
    await expect(ended).resolves.toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`${MIGRATIONS.length} migrations undone`),
    });
    await expect(isMigrated()).resolves.toBe(false);
  });
});

it('Ctrl-C ends a migration that waits for its lock, with exit code 130', async () => {
  await db.storage.rollback({ to: null, dropData: true });
  const holder = new Client({ connectionString: db.url });
  await holder.connect();
  // The migration lock.
  await holder.query('SELECT pg_advisory_lock(7022647185865403753)');
  const { child, ended, shows } = inTerminal(['migrate']);
  await shows('migrating');
  await new Promise((resolve) => setTimeout(resolve, 500));
  child.stdin.write(CTRL_C);
  await expect(ended).resolves.toMatchObject({ code: 130 });
  await holder.end();
  expect((await db.storage.migrationStatus()).migrations.map(({ state }) => state)).not.toContain('applied');
});
