/** What `pooler: 'transaction'` sends. The tests with a real PgBouncer are in system/. */
import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { useDatabase } from './helpers/database';
import { expectCode } from './helpers/errors';
import { runScript } from './helpers/process';
import { Relay } from './helpers/relay';

const db = useDatabase();
let relay: Relay;
let storage: PostgresStorageAdapter;

beforeAll(async () => {
  relay = await Relay.start(db.url);
  storage = db.adapter({ pooler: 'transaction', max: 1, lock_timeout: 1_234, options: '-c geqo=off' }, relay.url);
  await storage.connect();
});

afterAll(async () => {
  await storage.disconnect();
  await relay.close();
});

/** A statement name is the first string of a Parse message. */
const statementNames = () =>
  relay.messages
    .filter(({ from, type }) => from === 'client' && type === 'P')
    .map(({ bytes }) => bytes.subarray(5, bytes.indexOf(0, 5)).toString());

it('each call is a transaction that sets our settings, without a named statement', async () => {
  await storage.getUser('x');
  relay.reset();
  await expect(storage.getUser('x')).resolves.toBeNull();
  const [begin, select, commit, ...rest] = relay.statements;
  expect(begin).toMatch(/^BEGIN ISOLATION LEVEL READ COMMITTED; SELECT/);
  expect(begin).toContain("set_config(E'statement_timeout', E'5000', true)");
  expect(begin).toContain("set_config(E'lock_timeout', E'1234', true)");
  expect(begin).toContain("set_config(E'geqo', E'off', true)");
  expect(select).toContain('FROM users');
  expect(commit).toBe('COMMIT');
  expect(rest).toEqual([]);
  expect(statementNames()).toEqual(['']);
  expect(relay.roundTrips).toBe(4);
});

it('createBackupCodes uses no named statement when it is repeated because the answer to its COMMIT was lost', async () => {
  const { id } = await storage.createUser({});
  relay.reset();
  let isLost = false;
  relay.onMessage(({ from, type, bytes }) => {
    if (isLost || from === 'client' || type !== 'C' || !bytes.includes('COMMIT')) return 'pass';
    isLost = true;
    return 'cut';
  });
  await expect(storage.createBackupCodes(id, ['one', 'two'])).resolves.toHaveLength(2);
  relay.onMessage();
  expect(isLost).toBe(true);
  expect(relay.statements.filter((sql) => sql.startsWith('INSERT INTO twofa_backup_codes'))).toHaveLength(1);
  expect(relay.statements.filter((sql) => sql.includes('FROM twofa_backup_codes WHERE'))).toHaveLength(2);
  expect(new Set(statementNames())).toEqual(new Set(['']));
});

it('the start-up message contains no parameter that a pooler refuses', async () => {
  await storage.disconnect();
  relay.reset();
  await storage.connect();
  const start = relay.messages.find(({ type }) => type === 'StartupMessage')?.bytes.toString() ?? '';
  expect(start).toContain('application_name');
  for (const name of ['extra_float_digits', 'options', 'statement_timeout']) expect(start).not.toContain(name);
});

it('a call that fails is rolled back, and its connection serves the next call', async () => {
  const email = 'taken@example.com';
  const { id } = await storage.createUser({ email });
  relay.reset();
  await expectCode(storage.createUser({ email }), 'conflict');
  expect(relay.statements.at(-1)).toBe('ROLLBACK');
  await expect(storage.getUser(id)).resolves.toMatchObject({ id });
  expect(relay.connections).toBe(0);
});

describe('temporary tables of another client', () => {
  /** Makes them in the adapter’s own session, as another client may have left them in a pooler’s server process. */
  const makeTemporaryTables = async (mine: PostgresStorageAdapter) => {
    await db.query(`
      CREATE FUNCTION public.make_temporary() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN CREATE TEMPORARY TABLE users (LIKE public.users INCLUDING ALL); RETURN NEW; END $$;
      CREATE TRIGGER make_temporary AFTER INSERT ON auth_events FOR EACH ROW EXECUTE FUNCTION make_temporary()`);
    try {
      await mine.emitEvent({ type: 't', principalId: 'p', data: {}, timestamp: new Date() });
    } finally {
      await db.query('DROP FUNCTION public.make_temporary CASCADE');
    }
  };

  it.each([
    ['in transactions', { pooler: 'transaction' }],
    ['in transactions with a schema', { pooler: 'transaction', schema: 'public' }],
    ['in transactions with a search path', { pooler: 'transaction', options: '-c search_path=public' }],
    ['in a session with a schema', { schema: 'public' }],
    ['in a session with a search path', { options: '-c search_path=public' }],
  ] as const)('get none of our rows, %s', async (_, options) => {
    const mine = db.adapter({ ...options, max: 1 });
    await makeTemporaryTables(mine);
    const { id } = await mine.createUser({});
    await mine.disconnect();
    expect(await db.query('SELECT FROM users WHERE id = $1', [id])).toHaveLength(1);
  });
});

it('the constructor rejects PGOPTIONS, because the driver would send it', async () => {
  const script = `
    import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
    try { new PostgresStorageAdapter('postgres://h', { pooler: 'transaction' }); }
    catch (error) { console.log(error.code, error.message); }`;
  const { stdout } = await runScript(script, { env: { PGOPTIONS: '-c geqo=off' } });
  expect(stdout).toMatch(/^auth_postgres\/invalid_input .*`PGOPTIONS`.*`options`/);
});
