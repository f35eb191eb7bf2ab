/**
 * `node bench/sweeps.mjs [--sessions 1000000] [--expired 0.3] [--per-second 2000] [--rounds 7] [--batch 1000]`: the latency of
 * look-ups without a sweep and beside one, by turns, and how long the whole sweep takes. `TEST_POSTGRES_VERSION` chooses the
 * server.
 */
import { parseArgs } from 'node:util';
import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { Contestant } from './contestant.mjs';
import { SCHEMA } from './data.mjs';
import { median } from './measure.mjs';
import { Server } from './server.mjs';

const { values: flags } = parseArgs({
  options: {
    sessions: { type: 'string', default: '1000000' },
    expired: { type: 'string', default: '0.3' },
    'per-second': { type: 'string', default: '2000' },
    rounds: { type: 'string', default: '7' },
    batch: { type: 'string', default: '1000' },
  },
});
const TOTAL = Number(flags.sessions);
const EXPIRED = Math.round(TOTAL * Number(flags.expired));
const LIVE = TOTAL - EXPIRED;
const ROUNDS = Number(flags.rounds);
const MS = 3_000;

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
      SELECT (jsonb_populate_record(like_it.s, jsonb_build_object('id', pg_catalog.md5('expired ' || n), 'expires_at', now() - interval '1 day'))).*
        FROM (SELECT s FROM sessions s LIMIT 1) like_it CROSS JOIN generate_series(1, ${EXPIRED}) n
    ) every ORDER BY random();
    TRUNCATE sessions;
    INSERT INTO sessions SELECT * FROM shuffled;
    DROP TABLE shuffled`);
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
  const measure = () => lookups.ask({ operation: 'session by id', perSecond: Number(flags['per-second']), ms: MS });
  await measure();

  /** @type {Record<string, {p50: number, p99: number}[]>} */
  const found = { without: [], beside: [] };
  let swept = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    found.without?.push(await measure());
    const abort = new AbortController();
    const sweeping = sweeper
      .sweep({ kinds: ['sessions'], batchSize: Number(flags.batch), signal: abort.signal })
      .then((counts) => {
        swept += counts.sessions ?? 0;
        process.stderr.write('the sweep ended within a round\n');
      })
      .catch(() => undefined);
    found.beside?.push(await measure());
    abort.abort();
    await sweeping;
    process.stderr.write('.');
  }
  process.stderr.write('\n');
  const { sessions: left = 0 } = await sweeper.sweep({ kinds: ['sessions'], dryRun: true });
  for (const [name, rounds] of Object.entries(found)) {
    const of = (/** @type {'p50' | 'p99'} */ figure) => median(rounds.map((round) => round[figure]));
    console.log(`${name}: p50 ${of('p50').toFixed(2)} ms, p99 ${of('p99').toFixed(2)} ms`);
  }
  const inRounds = EXPIRED - left;
  console.log(`swept in these ${(ROUNDS * MS) / 1000} s: ${inRounds} (${swept} in sweeps that ended)`);
  const started = performance.now();
  await sweeper.sweep({ kinds: ['sessions'], batchSize: Number(flags.batch) });
  console.log(`the other ${left} without load: ${((performance.now() - started) / 1000).toFixed(1)} s`);
  await lookups.close();
} finally {
  await sweeper.disconnect();
  await server.stop();
}
