/**
 * `node bench/event-lists.mjs [--small 100000] [--large 10000000]`: how long a page of `listEvents` takes as the log grows, and
 * how long the same page takes `pg`. The events lie in 24 months; a principal has a hundred of them in either log.
 * `TEST_POSTGRES_VERSION` chooses the server.
 */
import { parseArgs } from 'node:util';
import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import pg from 'pg';
import { ORGANIZATIONS, SCHEMA } from './data.mjs';
import { measure, median } from './measure.mjs';
import { Server } from './server.mjs';
import { inTurns } from './turns.mjs';

const { values: flags } = parseArgs({
  options: { small: { type: 'string', default: '100000' }, large: { type: 'string', default: '10000000' } },
});
const MONTHS = 24;
const EVENTS_PER_PRINCIPAL = 100;
const TYPES = 20;
const ROUNDS = 5;
const MS = 1_000;

/**
 * One event in 100 000 is of a rare type.
 *
 * @param {pg.Client} client
 * @param {number} events
 */
async function fill(client, events) {
  await client.query(`SET search_path = ${SCHEMA}`);
  await client.query(`
    DO $$
    DECLARE
        present TIMESTAMPTZ := date_trunc('month', now(), 'UTC');
        month   TIMESTAMPTZ;
    BEGIN
        SET LOCAL TimeZone = 'UTC';
        ALTER TABLE auth_events DETACH PARTITION auth_events_past;
        FOR back IN 1..${MONTHS - 1} LOOP
            month := present - back * interval '1 month';
            EXECUTE format('CREATE TABLE %I PARTITION OF auth_events FOR VALUES FROM (%L) TO (%L)',
                           to_char(month, '"auth_events_"YYYY_MM'), month, month + interval '1 month');
        END LOOP;
        EXECUTE format('ALTER TABLE auth_events ATTACH PARTITION auth_events_past FOR VALUES FROM (MINVALUE) TO (%L)', month);
    END
    $$`);
  await client.query(`
    INSERT INTO auth_events (type, principal_id, org_id, data, timestamp)
    SELECT CASE WHEN n % 100000 = 1 THEN 'rare' ELSE 'type-' || n % ${TYPES} END
         , 'principal-' || n % ${events / EVENTS_PER_PRINCIPAL}
         , 'org-' || n % ${ORGANIZATIONS}
         , '{"ip": "127.0.0.1"}'
         , now() - (${events} - n) * interval '${MONTHS - 1} months' / ${events}
      FROM generate_series(1, ${events}) n`);
  await client.query('VACUUM ANALYZE auth_events');
  await client.query('CHECKPOINT');
}

/**
 * What is asked for, in both ways: a page of 50.
 *
 * @param {number} events
 * @returns {Record<string, () => {principalId?: string, orgId?: string, type?: string, from?: Date, to?: Date}>}
 */
function filters(events) {
  const upTo = (/** @type {number} */ count) => Math.floor(Math.random() * count);
  const principalId = () => `principal-${upTo(events / EVENTS_PER_PRINCIPAL)}`;
  return {
    'the newest': () => ({}),
    'of a principal': () => ({ principalId: principalId() }),
    'of an organization': () => ({ orgId: `org-${upTo(ORGANIZATIONS)}` }),
    'of a type': () => ({ type: `type-${upTo(TYPES)}` }),
    'of a rare type': () => ({ type: 'rare' }),
    'of no type there is': () => ({ type: 'none' }),
    'of a principal and a type': () => ({ principalId: principalId(), type: `type-${upTo(TYPES)}` }),
    'of a day a year ago': () => {
      const to = new Date(Date.now() - (300 + upTo(100)) * 86_400_000);
      return { from: new Date(to.getTime() - 86_400_000), to };
    },
  };
}

/**
 * As somebody would write it by hand, with a prepared statement.
 *
 * @param {pg.Client} client
 * @param {{principalId?: string, orgId?: string, type?: string, from?: Date, to?: Date}} filter
 */
function listWithPg(client, { principalId, orgId, type, from, to }) {
  /** @type {[string, unknown][]} */
  const conditions = [
    ['principal_id =', principalId],
    ['org_id =', orgId],
    ['type =', type],
    ['timestamp >=', from],
    ['timestamp <', to],
  ];
  const given = conditions.filter(([, value]) => value !== undefined);
  const where = given.map(([condition], at) => `${condition} $${at + 1}`).join(' AND ') || 'true';
  return client.query({
    name: where,
    text: `SELECT id, type, principal_id, org_id, data, timestamp FROM auth_events
            WHERE ${where} ORDER BY timestamp DESC, id DESC LIMIT 50`,
    values: given.map(([, value]) => value),
  });
}

/** Follows the cursors to the hundredth page. @param {PostgresStorageAdapter} storage */
async function hundredthPage(storage) {
  /** @type {string | null} */
  let after = null;
  for (let page = 1; page < 100; page += 1) {
    const { next } = await storage.listEvents({ after });
    if (next === undefined) throw new Error('there is no hundredth page: take more events');
    after = next;
  }
  return after;
}

const server = await Server.start();
try {
  /** Of each list, in both ways: the median time of a page with the small log and with the large one. @type {Record<string, number[]>} */
  const times = {};
  for (const events of [Number(flags.small), Number(flags.large)]) {
    process.stderr.write(`filling the log with ${events} events\n`);
    await server.prepare(0, []);
    await server.query((client) => fill(client, events));
    const storage = new PostgresStorageAdapter(`${server.url}?schema=${SCHEMA}`);
    await storage.connect();
    const client = new pg.Client({ connectionString: server.url, options: `-c search_path=${SCHEMA}` });
    await client.connect();
    const after = await hundredthPage(storage);
    /** @type {Record<string, () => PromiseLike<unknown>>} */
    const calls = { 'ours, the hundredth page': () => storage.listEvents({ after }) };
    for (const [name, filter] of Object.entries(filters(events))) {
      calls[`ours, ${name}`] = () => storage.listEvents(filter());
      calls[`pg, ${name}`] = () => listWithPg(client, filter());
    }
    // The first round warms up.
    const measured = await inTurns(Object.values(calls), ROUNDS + 1, (call) => measure(call, { inFlight: 1, ms: MS }));
    process.stderr.write('\n');
    for (const [at, name] of Object.keys(calls).entries()) {
      times[name] = [...(times[name] ?? []), median((measured[at] ?? []).slice(1).map(({ p50 }) => p50))];
    }
    await storage.disconnect();
    await client.end();
  }
  for (const [name, [small = 1, large = 1]] of Object.entries(times)) {
    console.log(
      `${name}: ${small.toFixed(3)} ms of ${flags.small} events, ${large.toFixed(3)} ms of ${flags.large}: ${(large / small).toFixed(2)} times as long`,
    );
  }
} finally {
  await server.stop();
}
