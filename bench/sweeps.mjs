/**
 * `node bench/sweeps.mjs [--sessions 1000000] [--expired 0.3] [--per-second 2000] [--rounds 7] [--batch 1000] [--no-call]`: the
 * latency of look-ups without a sweep, beside one in the background and beside a call of `sweep`, by turns, and how long the
 * whole sweep takes. "Without a sweep" is measured twice in each round: how far the two differ is what the machine does by
 * itself. A call deletes so much in a round that few rounds are left: `--no-call` leaves it out. `TEST_POSTGRES_VERSION` chooses
 * the server.
 */
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { Contestant } from './contestant.mjs';
import { SCHEMA, SQL } from './data.mjs';
import { median } from './measure.mjs';
import { Server } from './server.mjs';

const { values: flags } = parseArgs({
  options: {
    sessions: { type: 'string', default: '1000000' },
    expired: { type: 'string', default: '0.3' },
    'per-second': { type: 'string', default: '2000' },
    rounds: { type: 'string', default: '7' },
    batch: { type: 'string', default: '1000' },
    'no-call': { type: 'boolean', default: false },
  },
});
const TOTAL = Number(flags.sessions);
const EXPIRED = Math.round(TOTAL * Number(flags.expired));
const LIVE = TOTAL - EXPIRED;
const ROUNDS = Number(flags.rounds);
const MS = 3_000;
const WITHOUT = 'without a sweep';

/**
 * Sessions that have expired lie among the others, by their place and by their id, as in a table that has been in use.
 *
 * @param {import('pg').Client} client
 */
async function addExpired(client) {
  await client.query(`SET search_path = ${SCHEMA}; SET session_replication_role = replica`);
  await client.query(`
    CREATE TEMP TABLE shuffled AS
    SELECT * FROM (
      SELECT * FROM sessions
       UNION ALL
      SELECT (jsonb_populate_record(s, jsonb_build_object('id', s.id || '-' || n, 'expires_at', now() - interval '1 day'))).*
        FROM generate_series(1, ${EXPIRED}) n JOIN sessions s ON s.id = ${SQL.session(`1 + n * 7 % ${LIVE}`)}
    ) every ORDER BY random();
    TRUNCATE sessions;
    INSERT INTO sessions SELECT * FROM shuffled;
    DROP TABLE shuffled;
    TRUNCATE api_keys`);
  await client.query('VACUUM ANALYZE sessions');
  await client.query('CHECKPOINT');
}

const server = await Server.start();
const sweeper = new PostgresStorageAdapter(`${server.url}?schema=${SCHEMA}`, { max: 2 });
try {
  await server.prepare(LIVE, []);
  await server.query(addExpired);
  await server.warm();
  const lookups = await Contestant.start('ours', { url: server.url, max: 10, sessions: LIVE });
  const ask = () => lookups.ask({ operation: 'session by id', perSecond: Number(flags['per-second']), ms: MS });
  /** After as long a time that does not count: connections that have rested are slower at first. */
  const measure = async () => {
    await ask();
    return ask();
  };

  const besideCall = async () => {
    const abort = new AbortController();
    const sweeping = sweeper
      .sweep({ kinds: ['sessions'], batchSize: Number(flags.batch), signal: abort.signal })
      .then(() => process.stderr.write('the sweep ended within a round\n'))
      .catch(() => undefined);
    const figures = await measure();
    abort.abort();
    await sweeping;
    return figures;
  };
  const deletedRows = () =>
    server.query(async (client) => {
      const { rows } = await client.query(
        'SELECT n_tup_del FROM pg_stat_user_tables WHERE schemaname = $1 AND relname = $2',
        [SCHEMA, 'sessions'],
      );
      return rows[0].n_tup_del;
    });
  const inBackground = async () => {
    await server.query((client) => client.query(`DELETE FROM ${SCHEMA}.auth_sweeps`));
    const background = new PostgresStorageAdapter(`${server.url}?schema=${SCHEMA}`, { max: 2, sweepIntervalMs: 1_000 });
    await background.connect();
    // The sessions are the last of all kinds.
    const before = await deletedRows();
    while ((await deletedRows()) === before) await setTimeout(200);
    const figures = await measure();
    await background.disconnect();
    return figures;
  };
  /** In one statement: a dry run takes many minutes before PostgreSQL 14. */
  const left = () =>
    server.query(async (client) => {
      const { rows } = await client.query(
        `SELECT count(*)::int AS n FROM ${SCHEMA}.sessions WHERE expires_at <= now()`,
      );
      return rows[0].n;
    });

  /** @type {Record<string, () => Promise<{p50: number, p99: number}>>} */
  const ways = { [WITHOUT]: measure, 'in the background': inBackground, 'without again': measure };
  if (!flags['no-call']) ways['a call'] = besideCall;
  /** @type {Record<string, {p50: number, p99: number, swept: number}[]>} */
  const found = {};
  let rest = await left();
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, way] of Object.entries(ways)) {
      if (rest === 0) throw new Error('nothing is left to sweep: take more sessions, or fewer rounds');
      const figures = await way();
      const after = await left();
      found[name] = [...(found[name] ?? []), { ...figures, swept: rest - after }];
      rest = after;
      process.stderr.write('.');
    }
  }
  process.stderr.write('\n');
  for (const [name, rounds] of Object.entries(found)) {
    const of = (/** @type {'p50' | 'p99' | 'swept'} */ figure) => median(rounds.map((round) => round[figure]));
    const latency = `p50 ${of('p50').toFixed(2)} ms, p99 ${of('p99').toFixed(2)} ms`;
    const ratios = rounds.map(({ p99 }, round) => p99 / (found[WITHOUT]?.[round]?.p99 ?? Number.NaN));
    const range = `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`;
    const beside = `p99 ${median(ratios).toFixed(2)} times (${range}) that without a sweep in the same round`;
    console.log(`${name}: ${latency}, ${beside}, ${of('swept')} rows in a round`);
  }
  const started = performance.now();
  await sweeper.sweep({ kinds: ['sessions'], batchSize: Number(flags.batch) });
  console.log(`the other ${rest} without load: ${((performance.now() - started) / 1000).toFixed(1)} s`);
  await lookups.close();
} finally {
  await sweeper.disconnect();
  await server.stop();
}
