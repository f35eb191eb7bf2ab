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
  await eachRowCommitsIn(`${COMMIT_PER_ROW} * random() * 2`);
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

/** How many statements of this kind of write, or of all of them, run on the server, with or without a client. */
async function running(kind = '') {
  const rows = await db.query(
    `SELECT FROM pg_stat_activity
      WHERE starts_with(application_name, $1) AND datname = current_database() AND state <> 'idle'`,
    [NAME + kind],
  );
  return rows.length;
}

/** Compares what was answered with what was done. */
async function checkAnswers(answers: Iterable<[what: string, Answer]>) {
  await until(async () => (await running()) === 0);
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

/** The answer to one write, which is an error if it was rejected. */
async function answerTo({ write }: Write, storage: PostgresStorageAdapter, what: string, key: number): Promise<Answer> {
  try {
    return (await write(storage, what, key)) ?? {};
  } catch (error) {
    if (error instanceof InternalError) return error;
    throw error;
  }
}

/** Makes the writes over a line that is cut at random. */
async function writeWhileCutting(kind: Write, callers: number, rounds: number) {
  const line = await Relay.start(db.url);
  await kind.prepare?.(db.storage, callers);
  const storage = db.adapter({ application_name: NAME, maxRetries: 4 }, line.url);
  await storage.connect();
  const answers = new Map<string, Answer>();
  let cuts = 0;
  // Before the statement arrives, after it was done, and while it runs.
  line.onMessage(({ from, type }) => {
    const chance = from === 'client' && 'PB'.includes(type) ? 0.05 : 'C2'.includes(type) ? 0.08 : 0;
    if (Math.random() >= chance) return 'pass';
    cuts += 1;
    return 'cut';
  });
  // However slow the machine is, some calls get through between two cuts.
  let done = 0;
  let doneAtLastCut = 0;
  const cutting = setInterval(() => {
    if (done === doneAtLastCut) return;
    doneAtLastCut = done;
    line.cut();
    cuts += 1;
  }, 250);
  try {
    await Promise.all(
      numbers(callers).map(async (key) => {
        for (const round of numbers(rounds)) {
          const what = unique(`${kind.name}.${key}.${round}`);
          const answer = await answerTo(kind, storage, what, key);
          answers.set(what, answer);
          // While there is no connection, calls fail at once.
          if (answer instanceof InternalError) await new Promise((resolve) => setTimeout(resolve, 50));
          else done += 1;
        }
      }),
    );
  } finally {
    clearInterval(cutting);
    line.onMessage();
  }
  await storage.disconnect();
  await line.close();
  return { kind: kind.name, answers, wasCut: cuts > 0, hasDoneSome: done > 0 };
}

// The kinds wait most of the time, for connections and for each other's commits. So they run at once, on lines of their own.
it.each([
  { callers: 64, rounds: 12 },
  { callers: 256, rounds: 4 },
])(
  'each kind of write is done once by each of $callers callers, whichever answers are lost',
  async (size) => {
    const results = await Promise.all(WRITES.map((kind) => writeWhileCutting(kind, size.callers, size.rounds)));
    await checkAnswers(results.flatMap(({ answers }) => [...answers]));
    expect(results.filter(({ wasCut, hasDoneSome }) => !wasCut || !hasDoneSome).map(({ kind }) => kind)).toEqual([]);
  },
  90_000,
);

/** Makes one write by each of the callers, and cuts the line during the commit of the first attempt. */
async function writeWithCutCommit(kind: Write, callers: number) {
  const line = await Relay.start(db.url);
  const storage = db.adapter({ application_name: NAME + kind.name }, line.url);
  await storage.connect();
  const calls = numbers(callers).map(async (key): Promise<[string, Answer]> => {
    const what = unique(`${kind.name}.${key}`);
    return [what, await answerTo(kind, storage, what, key)];
  });
  await until(async () => (await running(kind.name)) > 0);
  await new Promise((resolve) => setTimeout(resolve, 200));
  line.cut();
  const answers = await Promise.all(calls);
  await storage.disconnect();
  await line.close();
  return answers;
}

const eachRowCommitsIn = (seconds: string) =>
  db.query(`CREATE OR REPLACE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_sleep(${seconds}); RETURN NULL; END $$`);

it.each([64, 256])(
  'each kind of create by %s callers is done once when the connection is cut during the commit of the first attempt',
  async (callers) => {
    const creates = WRITES.slice(0, 4);
    // So long that a cut always meets a commit.
    await eachRowCommitsIn(`${0.6 / callers}`);
    const answers = await Promise.all(creates.map((kind) => writeWithCutCommit(kind, callers)));
    await eachRowCommitsIn(`${COMMIT_PER_ROW} * random() * 2`);
    expect(await checkAnswers(answers.flat())).toEqual({ done: creates.length * callers, unknown: 0, refused: 0 });
  },
);

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
