/** Ctrl-C of `auth-postgres`: what has not taken effect by then never does. */
import { Client } from 'pg';
import { COMMAND, commandEnvironment, start } from './helpers/command';
import { useDatabase } from './helpers/database';
import { anHourAgo, eventInput, sessionInput, userInput } from './helpers/fixtures';
import { MIGRATIONS } from './helpers/migrations';

const db = useDatabase({ migrated: false });
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const begin = (...args: string[]) =>
  start(process.execPath, [COMMAND, ...args], { env: commandEnvironment({ DATABASE_URL: db.url }) });

/** The backends of the command, which wait for this. */
const backends = (waitsFor = '%') =>
  db.query(
    `SELECT FROM pg_stat_activity
      WHERE datname = $1 AND application_name = 'auth-postgres-cli' AND coalesce(wait_event_type, '') LIKE $2`,
    [db.name, waitsFor],
  );

async function until(test: () => Promise<boolean>) {
  for (let left = 400; !(await test()); left--) {
    if (left === 0) throw new Error('it did not come to that');
    await pause(25);
  }
}

/** Everything that a command of these could change. */
async function contents() {
  const [{ tables }] = await db.query(
    `SELECT array_agg(relname::text ORDER BY relname) AS tables FROM pg_class
      WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace`,
  );
  const counts = (tables as string[]).map((table) => `(SELECT count(*)::int FROM ${table}) AS ${table}`);
  return (await db.query(`SELECT ${counts.join(', ')}`))[0];
}

const id = 'the-person';

describe('Ctrl-C while a statement waits', () => {
  beforeEach(async () => {
    await db.storage.migrate();
    await db.storage.deleteUser(id);
    await db.storage.createUser(userInput({ id, passwordHash: 'a hash' }));
    await db.storage.createSession(sessionInput(id));
    await db.storage.createSession(sessionInput(id, { expiresAt: anHourAgo() }));
    await db.storage.emitEvent(eventInput({ principalId: id }));
  });

  const FIRST_STATEMENT = 'LOCK TABLE auth_migrations';
  const ROWS = 'SELECT FROM users FOR UPDATE; SELECT FROM sessions FOR UPDATE';

  it.each([
    [['migrate'], FIRST_STATEMENT],
    [['migrate', '--dry-run'], FIRST_STATEMENT],
    [['status'], FIRST_STATEMENT],
    [['doctor'], FIRST_STATEMENT],
    [['rollback', '--to', 'none', '--drop-data', '--yes'], FIRST_STATEMENT],
    [['rollback', '--to', 'none', '--drop-data', '--yes'], ROWS],
    [['erase-user', id, '--events', 'delete', '--yes'], 'LOCK TABLE users'],
    [['erase-user', id, '--events', 'delete', '--yes'], ROWS],
    [['sessions', id], 'LOCK TABLE sessions'],
    [['sessions', id, '--revoke', '--yes'], ROWS],
    [['sweep'], 'LOCK TABLE sessions'],
    [['sweep', '--dry-run'], 'LOCK TABLE sessions'],
    [['export-user', id], 'LOCK TABLE users'],
    [['events'], 'LOCK TABLE auth_events'],
    [['events', '--follow'], 'LOCK TABLE auth_events'],
  ])('of %j ends it with 130, on the server too, and nothing is done (%s)', async (args, lock) => {
    const before = await contents();
    const holder = new Client({ connectionString: db.url });
    await holder.connect();
    try {
      await holder.query(`BEGIN; ${lock}`);
      const { child, ended } = begin(...args);
      await until(async () => (await backends('Lock')).length > 0);
      child.kill('SIGINT');
      // Whatever goes on until then gets its lock.
      await Promise.race([ended, pause(600)]);
      await holder.query('ROLLBACK');
      const { code, stdout, stderr } = await ended;
      expect({ code, stdout }).toEqual({ code: 130, stdout: '' });
      expect(stderr).toMatch(/^error: interrupted: .*\n$/m);
      await until(async () => (await backends()).length === 0);
      expect(await contents()).toEqual(before);
    } finally {
      await holder.end();
    }
  });
});

it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  '%s while migrations run undoes the running one, begins no other, and leaves a line for each that stays',
  async (signal) => {
    await db.storage.rollback({ to: null, dropData: true });
    // The first migration takes effect, and each statement after it takes a moment.
    await db.query(
      `CREATE FUNCTION public.wait_a_while() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
         IF pg_catalog.to_regclass('public.auth_migrations') IS NULL THEN RETURN; END IF;
         IF (SELECT count(*) FROM public.auth_migrations) > 0 THEN PERFORM pg_sleep(0.3); END IF;
       END $$;
       CREATE EVENT TRIGGER wait_${db.name} ON ddl_command_start EXECUTE FUNCTION public.wait_a_while()`,
    );
    try {
      const { child, ended } = begin('migrate');
      await until(async () => (await backends('Timeout')).length > 0);
      child.kill(signal);
      const { code, stdout, stderr } = await ended;
      expect({ code, stdout }).toEqual({ code: 130, stdout: '' });
      await until(async () => (await backends()).length === 0);
      const applied = await db.query('SELECT id FROM auth_migrations');
      expect(applied).toEqual([{ id: MIGRATIONS[0] }]);
      expect(stderr.match(/✓ \S+/g)).toEqual([`✓ ${MIGRATIONS[0]}`]);
    } finally {
      await db.query(`DROP EVENT TRIGGER wait_${db.name}; DROP FUNCTION public.wait_a_while()`);
    }
  },
);
