/**
 * Writes that share statements over a connection that is cut at random, also while an earlier attempt still runs on
 * the server. Each write is done once and returns its own row, or is rejected, with an unknown outcome if it may be done.
 */
import { InternalError, type PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { useDatabase } from './helpers/database';
import { backendsOf, until, whileLocked } from './helpers/failing';
import { inAnHour, unique } from './helpers/fixtures';
import { Relay } from './helpers/relay';

const db = useDatabase();
const NAME = 'exactly-once';
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

/** How long a commit takes for each row, in seconds. */
const COMMIT_PER_ROW = 0.0004;

let relay: Relay;
let userId: string;

beforeAll(async () => {
  ({ id: userId } = await db.storage.createUser({}));
  // One row for each change that was committed, whichever attempt made it.
  await db.query('CREATE TABLE done (what text NOT NULL, id text NOT NULL)');
  await db.query(`
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      INSERT INTO public.done SELECT NEW.metadata ->> 'what', NEW.id WHERE NEW.metadata ? 'what';
      RETURN NULL;
    END $$`);
  await db.query(`
    CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_sleep(${COMMIT_PER_ROW} * random() * 2); RETURN NULL; END $$`);
  await db.query(`
    CREATE FUNCTION note_event() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN INSERT INTO public.done SELECT NEW.type, NEW.id; RETURN NULL; END $$`);
  for (const [table, note] of [
    ['users', 'note'],
    ['sessions', 'note'],
    ['auth_events', 'note_event'],
  ]) {
    await db.query(`CREATE TRIGGER note AFTER INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION ${note}()`);
    await db.query(`CREATE CONSTRAINT TRIGGER slow AFTER INSERT OR UPDATE ON ${table}
                    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow()`);
  }
  // A repeated create that finds its own row leaves it as it is.
  await db.query(`CREATE TRIGGER note_update AFTER UPDATE ON sessions FOR EACH ROW
                  WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION note()`);
  relay = await Relay.start(db.url);
});
afterAll(() => relay.close());
afterEach(() => relay.onMessage());

interface Write {
  name: string;
  /** Makes one write that can be told by `what`; resolves with what it answered. */
  write(storage: PostgresStorageAdapter, what: string, key: number): Promise<{ id: string } | undefined>;
  prepare?(storage: PostgresStorageAdapter, callers: number): Promise<void>;
}

let sessions: string[];

const WRITES: Write[] = [
  {
    name: 'createUser',
    write: (storage, what) => storage.createUser({ email: `${unique('Once')}@example.com`, metadata: { what } }),
  },
  {
    name: "createUser with the caller's id",
    write: (storage, what) => storage.createUser({ id: unique(), metadata: { what } }),
  },
  {
    name: 'createSession',
    write: (storage, what) => storage.createSession({ userId, expiresAt: inAnHour(), metadata: { what } }),
  },
  {
    name: "createSession with the caller's id",
    write: (storage, what) =>
      storage.createSession({ id: unique(), userId, expiresAt: inAnHour(), metadata: { what } }),
  },
  {
    name: 'updateSession',
    prepare: async (storage, callers) => {
      const made = numbers(callers).map(() => storage.createSession({ userId, expiresAt: inAnHour() }));
      sessions = (await Promise.all(made)).map(({ id }) => id);
    },
    write: (storage, what, key) => storage.updateSession(sessions[key] as string, { metadata: { what } }),
  },
  {
    name: 'emitEvent',
    write: async (storage, what) => {
      await storage.emitEvent({ type: what, principalId: 'p', data: {}, timestamp: new Date() });
      return undefined;
    },
  },
];

type Answer = { id?: string } | InternalError;

/** Waits until what runs on the server without a client has ended. */
const quiet = () =>
  until(async () => {
    const rows = await db.query(
      `SELECT FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database() AND state <> 'idle'`,
      [NAME],
    );
    return rows.length === 0;
  });

/** Compares what was answered with what was done. */
async function checkAnswers(answers: Map<string, Answer>): Promise<{ done: number; unknown: number; refused: number }> {
  await quiet();
  const done = new Map<string, string[]>();
  for (const { what, id } of await db.query<{ what: string; id: string }>('SELECT what, id FROM done')) {
    done.set(what, [...(done.get(what) ?? []), id]);
  }
  const wrong: unknown[] = [];
  const counts = { done: 0, unknown: 0, refused: 0 };
  for (const [what, answer] of answers) {
    const ids = done.get(what) ?? [];
    if (!(answer instanceof InternalError)) {
      counts.done += 1;
      if (ids.length !== 1 || (answer.id !== undefined && answer.id !== ids[0]))
        wrong.push([what, 'acknowledged', ids]);
    } else if (answer.context.outcome === 'unknown') {
      counts.unknown += 1;
      if (ids.length > 1) wrong.push([what, 'unknown, and done twice', ids]);
    } else {
      counts.refused += 1;
      if (ids.length > 0) wrong.push([what, `refused as ${answer.code}`, ids]);
    }
  }
  expect(wrong).toEqual([]);
  await db.query('TRUNCATE done');
  return counts;
}

describe.each(WRITES)('$name', ({ write, prepare }) => {
  it.each([
    { callers: 64, rounds: 12 },
    { callers: 256, rounds: 4 },
  ])('is done once by each of $callers callers, whichever answers are lost', async ({ callers, rounds }) => {
    await prepare?.(db.storage, callers);
    const storage = db.adapter({ application_name: NAME, maxRetries: 4 }, relay.url);
    await storage.connect();
    const answers = new Map<string, Answer>();
    let lost = 0;
    // Before the statement arrives, after it was done, and while it runs.
    relay.onMessage(({ from, type }) => {
      const chance = from === 'client' && 'PB'.includes(type) ? 0.05 : 'C2'.includes(type) ? 0.08 : 0;
      if (Math.random() >= chance) return 'pass';
      lost += 1;
      return 'cut';
    });
    // However slow the machine is, some calls get through between two cuts.
    let successes = 0;
    let atLastCut = 0;
    const cutting = setInterval(() => {
      if (successes === atLastCut) return;
      atLastCut = successes;
      relay.cut();
      lost += 1;
    }, 250);
    try {
      await Promise.all(
        numbers(callers).map(async (key) => {
          for (const round of numbers(rounds)) {
            const what = unique(`${key}.${round}`);
            answers.set(
              what,
              await write(storage, what, key).then(
                (row) => {
                  successes += 1;
                  return row ?? {};
                },
                async (error) => {
                  if (!(error instanceof InternalError)) throw error;
                  // While there is no connection, calls fail at once.
                  await new Promise((resolve) => setTimeout(resolve, 50));
                  return error;
                },
              ),
            );
          }
        }),
      );
    } finally {
      clearInterval(cutting);
      relay.onMessage();
    }
    expect(lost).toBeGreaterThan(0);
    await storage.disconnect();
    const counts = await checkAnswers(answers);
    expect(counts.done).toBeGreaterThan(0);
  });
});

/** The writes whose statements are repeated. */
describe.each(WRITES.slice(0, 4))('$name', ({ write }) => {
  it.each([64, 256])(
    'of %s callers is done once when the connection is cut during the commit of the first attempt',
    async (callers) => {
      const storage = db.adapter({ application_name: NAME }, relay.url);
      await storage.connect();
      const answers = new Map<string, Answer>();
      // Commits take so long for each row now that a cut always meets one.
      await db.query(`CREATE OR REPLACE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN PERFORM pg_sleep(${0.6 / callers}); RETURN NULL; END $$`);
      const calls = numbers(callers).map(async (key) => {
        const what = unique(`${key}`);
        answers.set(
          what,
          await write(storage, what, key).then(
            (row) => row ?? {},
            (error) => error as InternalError,
          ),
        );
      });
      await until(async () => (await active()) > 0);
      await new Promise((resolve) => setTimeout(resolve, 200));
      relay.cut();
      await Promise.all(calls);
      await db.query(`CREATE OR REPLACE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN PERFORM pg_sleep(${COMMIT_PER_ROW} * random() * 2); RETURN NULL; END $$`);
      expect((await checkAnswers(answers)).done).toBe(callers);
      await storage.disconnect();
    },
  );
});

const active = async () => {
  const rows = await db.query(
    `SELECT FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database() AND state = 'active'`,
    [NAME],
  );
  return rows.length;
};

it('createUser rejects with an unknown outcome when its row was changed before the create was repeated', async () => {
  const storage = db.adapter({ application_name: NAME }, relay.url);
  await storage.connect();
  let changed: Promise<unknown> | undefined;
  relay.onMessage(({ from, type }) => {
    if (from === 'client' || type !== 'C' || changed) return 'pass';
    changed = db.query(`UPDATE users SET name = 'changed' WHERE id = 'taken'`);
    return 'cut';
  });
  const [result] = await Promise.allSettled([storage.createUser({ id: 'taken', name: 'mine' })]);
  expect(result.status === 'rejected' && result.reason).toMatchObject({
    code: 'auth_postgres/conflict',
    retryable: false,
    context: { outcome: 'unknown', field: 'id' },
  });
  await changed;
  await storage.disconnect();
});

it('createUser reports each of 64 outcomes truthfully when the connection is cut while one call waits for a lock', async () => {
  const storage = db.adapter({ application_name: NAME }, relay.url);
  await storage.connect();
  const held = `${unique('held')}@example.com`;
  const answers = new Map<string, Answer>();
  await whileLocked(db, 'INSERT INTO users (id, email) VALUES ($1, $1)', [held], async (release) => {
    const calls = numbers(64).map(async (key) => {
      const what = unique(`${key}`);
      const email = key === 33 ? held : `${unique('free')}@example.com`;
      const call = storage.createUser({ email, metadata: { what } });
      answers.set(what, await call.catch((error) => error as InternalError));
    });
    await until(async () => (await backendsOf(db, NAME, { waiting: true })).length > 0);
    relay.cut();
    await until(async () => answers.size >= 63);
    relay.cut();
    await release();
    await Promise.all(calls);
  });
  expect((await checkAnswers(answers)).refused).toBe(0);
  await storage.disconnect();
});
