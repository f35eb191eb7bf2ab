/**
 * `npm run bench`: look-ups and events beside the drivers in JavaScript, in one run.
 *
 * Candidates take turns, round by round, on one server; the figures are medians of the rounds. Each candidate
 * does the same work: what it returns is compared before anything is timed.
 */
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import pg from 'pg';
import postgres from 'postgres';

const require = createRequire(import.meta.url);
const { startPostgres } = require('../scripts/postgres-server.cjs');
const { PostgresStorageAdapter } = require('../index.js');

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '1.5' },
    sessions: { type: 'string', default: '100000' },
  },
});
const ROUNDS = Number(flags.rounds);
const ROUND_MS = Number(flags.seconds) * 1000;
const SESSIONS = Number(flags.sessions);
const POOL = 10;

const SELECT_SESSION = `SELECT id, user_id, org_id, plan, entitlements, expires_at, metadata, created_at, updated_at
                          FROM sessions WHERE expires_at > now() AND id = $1`;

const server = process.env.DATABASE_URL
  ? undefined
  : await startPostgres({ settings: { fsync: 'on', synchronous_commit: 'on', full_page_writes: 'on' } });
const url = server?.url ?? process.env.DATABASE_URL ?? '';
const schema = 'auth_postgres_bench';
const searchPath = `-c search_path=${schema}`;

const ours = new PostgresStorageAdapter(url, { max: POOL, schema });
const pool = new pg.Pool({ connectionString: url, max: POOL, options: searchPath });
const sql = postgres(url, { max: POOL, connection: { search_path: schema }, onnotice: () => {} });

/** @param {any} row */
const session = (row) => ({
  id: row.id,
  userId: row.user_id,
  ...(row.org_id !== null && { orgId: row.org_id }),
  ...(row.plan !== null && { plan: row.plan }),
  entitlements: row.entitlements,
  expiresAt: row.expires_at,
  metadata: row.metadata,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

/**
 * @typedef {{type: string, principalId: string, orgId?: string, data: {ip: string}, timestamp: Date}} Event
 * @typedef {object} Candidate
 * @property {(id: string) => Promise<any>} getSession
 * @property {(event: Event) => PromiseLike<unknown>} emitEvent
 */

/** @type {Record<string, Candidate>} */
const candidates = {
  ours: {
    getSession: (id) => ours.getSession(id),
    emitEvent: (event) => ours.emitEvent(event),
  },
  pg: {
    getSession: async (id) => {
      const { rows } = await pool.query({ name: 'session', text: SELECT_SESSION, values: [id] });
      return rows.length > 0 ? session(rows[0]) : null;
    },
    emitEvent: ({ type, principalId, orgId, data, timestamp }) =>
      pool.query({
        name: 'event',
        text: 'INSERT INTO auth_events (type, principal_id, org_id, data, timestamp) VALUES ($1, $2, $3, $4, $5)',
        values: [type, principalId, orgId ?? null, data, timestamp],
      }),
  },
  'postgres.js': {
    getSession: async (id) => {
      const rows =
        await sql`SELECT id, user_id, org_id, plan, entitlements, expires_at, metadata, created_at, updated_at
                               FROM sessions WHERE expires_at > now() AND id = ${id}`;
      return rows.length > 0 ? session(rows[0]) : null;
    },
    emitEvent: ({ type, principalId, orgId, data, timestamp }) =>
      sql`INSERT INTO auth_events (type, principal_id, org_id, data, timestamp)
          VALUES (${type}, ${principalId}, ${orgId ?? null}, ${sql.json(data)}, ${timestamp})`,
  },
};

/**
 * Calls per second with so many in flight.
 *
 * @param {() => PromiseLike<unknown>} call
 * @param {number} inFlight
 */
async function round(call, inFlight) {
  const end = performance.now() + ROUND_MS;
  const started = performance.now();
  let calls = 0;
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (performance.now() < end) {
        await call();
        calls += 1;
      }
    }),
  );
  return calls / ((performance.now() - started) / 1000);
}

/** @param {number[]} numbers */
const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? 0;

/**
 * @param {string} title
 * @param {'getSession' | 'emitEvent'} operation
 * @param {() => any} argument
 * @param {number} inFlight
 */
async function measure(title, operation, argument, inFlight) {
  /** @type {Record<string, number[]>} */
  const rates = Object.fromEntries(Object.keys(candidates).map((name) => [name, []]));
  for (let at = 0; at < ROUNDS + 1; at += 1) {
    for (const [name, candidate] of Object.entries(candidates)) {
      const rate = await round(() => candidate[operation](argument()), inFlight);
      // The first round warms up.
      if (at > 0) rates[name]?.push(rate);
    }
    process.stderr.write('.');
  }
  process.stderr.write('\n');
  const base = median(rates.ours ?? []);
  const figures = Object.entries(rates).map(([name, numbers]) => {
    const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
    const ratio = name === 'ours' ? '' : ` (ours ${(base / median(numbers)).toFixed(2)} x)`;
    return `${name} ${Math.round(median(numbers))}/s [${Math.round(low)}-${Math.round(high)}]${ratio}`;
  });
  console.log(`${title}, ${inFlight} in flight: ${figures.join(' · ')}`);
}

async function fill() {
  await ours.connect();
  const user = await ours.createUser({});
  await pool.query(
    `INSERT INTO sessions (id, user_id, plan, entitlements, expires_at, metadata)
     SELECT 'session-' || n, $1, 'pro', '{read,write}', now() + interval '1 day', '{"ip": "127.0.0.1"}'
       FROM generate_series(1, $2::int) AS n`,
    [user.id, SESSIONS],
  );
  await pool.query('VACUUM ANALYZE sessions');
}

/** Equal work: every candidate finds the same record. */
async function compare() {
  const [expected, ...others] = await Promise.all(
    Object.values(candidates).map(({ getSession }) => getSession('session-1')),
  );
  for (const other of others) {
    /** @param {any} record */
    const sorted = (record) => JSON.stringify(record, Object.keys(record).sort());
    if (sorted(other) !== sorted(expected)) throw new Error('the candidates do not find the same session');
  }
}

try {
  await fill();
  await compare();
  const { rows } = await pool.query('SHOW server_version');
  console.log(
    `Node ${process.version}, PostgreSQL ${rows[0].server_version}, ${cpus().length} cores, ${SESSIONS} sessions, pool of ${POOL}`,
  );
  const anyId = () => `session-${1 + Math.floor(Math.random() * SESSIONS)}`;
  const event = () => ({ type: 'user.login', principalId: 'user-1', data: { ip: '127.0.0.1' }, timestamp: new Date() });
  await measure('session by id', 'getSession', anyId, 1);
  await measure('session by id', 'getSession', anyId, 8);
  await measure('session by id', 'getSession', anyId, 64);
  await measure('emit event', 'emitEvent', event, 1);
  await measure('emit event', 'emitEvent', event, 64);
} finally {
  await pool.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
  await Promise.all([ours.disconnect(), pool.end(), sql.end()]);
  await server?.stop();
}
