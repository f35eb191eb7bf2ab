/** Through PgBouncer in transaction mode every method answers as the reference does, while other clients use the servers. */
import { useDatabase } from '../helpers/database';
import { type PgBouncer, startPgBouncer, startStrangers } from '../helpers/pgbouncer';
import type { Adapters } from '../model/call';
import { compareSequences, GROUPS } from '../model/sequences';

const RUNS = 12;
const SEED = 20_260_102;

const db = useDatabase();

describe('the adapter behind PgBouncer', () => {
  let pgbouncer: PgBouncer;
  let adapters: Adapters;
  let endStrangers: () => Promise<unknown>;

  beforeAll(async () => {
    pgbouncer = await startPgBouncer(db.url, {
      pool_mode: 'transaction',
      default_pool_size: '3',
      max_client_conn: '200',
    });
    adapters = [1, 2].map(() => db.adapter({ pooler: 'transaction' }, pgbouncer.url));
    endStrangers = startStrangers(pgbouncer.url, 3);
  });
  afterAll(async () => {
    await endStrangers();
    await Promise.all(adapters.map((each) => each.disconnect()));
    await pgbouncer.stop();
  });

  it.each(Object.entries(GROUPS))(
    'answers calls of %s as the reference does',
    (_, calls) => compareSequences(db, adapters, calls, { numRuns: RUNS, seed: SEED }),
    120_000,
  );
});
