/** The server's backends: ended, interrupted, waiting for locks. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { asSuperuser, useDatabase } from '../helpers/database';
import { sessionInput } from '../helpers/fixtures';
import { END_BACKENDS } from './helpers/own-server';
import { scenario } from './helpers/scenario';

const db = useDatabase();

/** Does something to one backend of the adapter every few milliseconds, until told to stop. */
function pester(name: 'pg_terminate_backend' | 'pg_cancel_backend', everyMs: number) {
  let work: Promise<void> | undefined;
  let isOver = false;
  return {
    start(application: string) {
      isOver = false;
      work = asSuperuser(async (client) => {
        while (!isOver) {
          await client.query(
            `SELECT ${name}(pid)
               FROM (SELECT pid FROM pg_stat_activity WHERE application_name = $1 ORDER BY random() LIMIT 1) AS victim`,
            [application],
          );
          await sleep(everyMs);
        }
      });
    },
    async stop() {
      isOver = true;
      await work;
    },
  };
}

/** A transaction of somebody else's that keeps what it has locked. */
function locker(...statements: string[]) {
  let client: Client;
  return {
    async start() {
      client = new Client({ connectionString: db.url });
      await client.connect();
      for (const sql of ['BEGIN', ...statements]) await client.query(sql);
    },
    stop: () => client.end(),
  };
}

const terminator = pester('pg_terminate_backend', 20);

scenario(db, {
  title: 'pg_terminate_backend of a random backend, 50 times a second',
  break: ({ application }) => terminator.start(application),
  heal: () => terminator.stop(),
  lastsMs: 1_000,
  sees: ['connection_failed'],
  isNoticed: false,
});

scenario(db, {
  title: 'all backends are ended at once',
  break: async ({ application }) => void (await db.query(END_BACKENDS, [application])),
  heal: () => undefined,
  sees: ['connection_failed'],
  isNoticed: false,
});

const canceller = pester('pg_cancel_backend', 10);
const writers = locker('LOCK TABLE sessions IN SHARE MODE');

scenario(db, {
  title: 'pg_cancel_backend of a random backend, 100 times a second, while writers wait for a lock',
  break: async ({ application }) => {
    await writers.start();
    canceller.start(application);
  },
  heal: async () => {
    await canceller.stop();
    await writers.stop();
  },
  lastsMs: 800,
  sees: ['cancelled'],
});

const everybody = locker('LOCK TABLE sessions, users IN ACCESS EXCLUSIVE MODE');

scenario(db, {
  title: 'somebody else locks the tables for longer than statementTimeoutMs',
  options: { statementTimeoutMs: 300 },
  break: () => everybody.start(),
  heal: () => everybody.stop(),
  lastsMs: 1_500,
  sees: ['statement_timeout', 'pool_timeout'],
});

scenario(db, {
  title: 'somebody else locks the tables for longer than lock_timeout',
  options: { lock_timeout: 200 },
  break: () => everybody.start(),
  heal: () => everybody.stop(),
  lastsMs: 1_000,
  sees: ['lock_timeout', 'pool_timeout'],
});

scenario(db, {
  title: 'a deadlock with somebody else, who wins it',
  break: async ({ storage }) => {
    const user = await storage.createUser({ name: 'deadlock' });
    const session = await storage.createSession(sessionInput(user.id));
    await asSuperuser((client) => client.query(`ALTER DATABASE ${db.name} SET deadlock_timeout = '100ms'`));
    const other = new Client({ connectionString: db.url });
    await other.connect();
    // The one that finds the deadlock is the one that gives in.
    await other.query("SET deadlock_timeout = '1min'");
    await other.query('BEGIN');
    await other.query('SELECT 1 FROM sessions WHERE id = $1 FOR UPDATE', [session.id]);
    const deletion = storage.deleteUser(user.id);
    const isWaiting = "SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = $1 AND wait_event_type = 'Lock'";
    while ((await db.query(isWaiting, [db.name]))[0].n === 0) await sleep(1);
    await other.query('UPDATE users SET name = $2 WHERE id = $1', [user.id, 'won']);
    await other.query('COMMIT');
    await other.end();
    await deletion;
    expect(await storage.getUser(user.id)).toBeNull();
  },
  heal: () => undefined,
  lastsMs: 0,
  sees: [],
});

scenario(db, {
  title: 'the server ends sessions that idle for 30 ms (idle_session_timeout)',
  break: async ({ application }) => {
    await db.query(`ALTER DATABASE ${db.name} SET idle_session_timeout = '30ms'`);
    await db.query(END_BACKENDS, [application]);
  },
  heal: async ({ application }) => {
    await db.query(`ALTER DATABASE ${db.name} RESET idle_session_timeout`);
    await db.query(END_BACKENDS, [application]);
  },
  lastsMs: 1_500,
  sees: ['connection_failed'],
  isNoticed: false,
});
