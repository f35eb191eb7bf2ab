/** PgBouncer breaks, or what is behind it, while callers work through it. */
import { END_BACKENDS, useOwnServer } from '../faults/helpers/own-server';
import { type Scenario, scenario } from '../faults/helpers/scenario';
import { type PgBouncer, startPgBouncer } from '../helpers/pgbouncer';

const own = useOwnServer();
let pgbouncer: PgBouncer;

beforeAll(async () => {
  pgbouncer = await startPgBouncer(own.url, {
    ...{ pool_mode: 'transaction', default_pool_size: '3', max_client_conn: '200' },
    // It tries a server that refused again after so many seconds.
    server_login_retry: '1',
  });
});
afterAll(() => pgbouncer?.stop());

/** That callers notice nothing is tested with limits that a busy machine does not reach. */
const PATIENT = { connectionTimeoutMillis: 10_000, statementTimeoutMs: 5_000 };
const IMPATIENT = { connectionTimeoutMillis: 1_000, statementTimeoutMs: 1_000 };

const through = (given: Omit<Scenario, 'isPooled' | 'url'>) =>
  scenario(own, {
    ...given,
    options: { pooler: 'transaction', ...(given.sees.length === 0 ? PATIENT : IMPATIENT) },
    url: () => pgbouncer.url,
    isPooled: true,
  });

through({
  title: 'PgBouncer is paused, and goes on soon',
  break: () => pgbouncer.signal('SIGUSR1'),
  heal: () => pgbouncer.signal('SIGUSR2'),
  lastsMs: 300,
  sees: [],
});

through({
  title: 'PgBouncer is paused for longer than connectionTimeoutMillis',
  break: () => pgbouncer.signal('SIGUSR1'),
  heal: () => pgbouncer.signal('SIGUSR2'),
  sees: ['pool_timeout', 'connection_failed'],
});

through({
  title: 'PgBouncer is reloaded with other settings',
  break: () => {
    pgbouncer.configure({ default_pool_size: '1', server_lifetime: '1' });
    pgbouncer.signal('SIGHUP');
  },
  heal: () => {
    pgbouncer.configure({});
    pgbouncer.signal('SIGHUP');
  },
  lastsMs: 1_500,
  sees: [],
});

through({
  title: 'PgBouncer is killed (kill -9) and starts again',
  break: () => pgbouncer.kill(),
  heal: () => pgbouncer.start(),
  sees: ['connection_failed', 'pool_timeout'],
});

through({
  title: 'the backends behind PgBouncer are ended again and again',
  // The pool's four connections come back one by one: of 64 callers some wait longer than connectionTimeoutMillis.
  callers: 8,
  break: async ({ application }) => {
    for (let time = 0; time < 10; time++) {
      await own.asSuperuser(END_BACKENDS, [application]);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  },
  heal: () => undefined,
  sees: ['connection_failed'],
  isNoticed: false,
});

through({
  title: 'the server behind PgBouncer is killed (kill -9) and starts again',
  break: () => own.server.control('kill'),
  heal: () => own.server.control('start'),
  sees: ['connection_failed', 'pool_timeout'],
});
