/**
 * `node bench/takeover.mjs [--users 1000000]`: how long a database of 3.0.x takes to be taken over, and to be given
 * back, on a server that writes to the disk as one in production does. Each user has a session, an event and an
 * OAuth account; every tenth has an API key, every hundredth an organization with a role.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';
import pg from 'pg';

const require = createRequire(import.meta.url);
const { startPostgres } = require('../scripts/test/postgres-server.cjs');
const { PostgresStorageAdapter } = require('../index.js');

const { values: flags } = parseArgs({
  options: {
    users: { type: 'string', default: '1000000' },
    zone: { type: 'string', default: 'UTC' },
    steps: { type: 'boolean', default: false },
  },
});
const users = Number(flags.users);

const FILL = [
  `INSERT INTO users (id, email, name, oauth, metadata)
   SELECT md5('u' || n)::uuid, 'User' || n || '@example.com', 'User ' || n,
          jsonb_build_object('google', jsonb_build_object('provider', 'google', 'sub', 's' || n, 'linkedAt', '2024-01-01T00:00:00.000Z')),
          '{"locale": "en"}'
     FROM generate_series(1, $1::int) n`,
  `INSERT INTO sessions (id, user_id, entitlements, expires_at, metadata)
   SELECT md5('s' || n)::uuid, md5('u' || n)::uuid, '{read,write}', now() + n * interval '1 s', '{"ip": "127.0.0.1"}'
     FROM generate_series(1, $1::int) n`,
  `INSERT INTO auth_events (type, principal_id, data, timestamp)
   SELECT 'user.login', md5('u' || n)::uuid, '{"ip": "127.0.0.1"}', now() - n * interval '1 s'
     FROM generate_series(1, $1::int) n`,
  `INSERT INTO api_keys (id, principal_id, hash, prefix, last_four, scopes)
   SELECT md5('k' || n)::uuid, md5('u' || n)::uuid, md5('h' || n), 'kit', 'abcd', '{read}'
     FROM generate_series(1, $1::int / 10) n`,
  `INSERT INTO organizations (id, name, plan, seats, members)
   SELECT md5('o' || n)::uuid, 'Org ' || n, 'team', 5,
          jsonb_build_array(jsonb_build_object('userId', md5('u' || n)::uuid, 'role', 'owner', 'joinedAt', '2024-01-01T00:00:00.000Z'))
     FROM generate_series(1, $1::int / 100) n`,
  `INSERT INTO roles (id, org_id, name) SELECT md5('r' || n)::uuid, md5('o' || n)::uuid, 'admin' FROM generate_series(1, $1::int / 100) n`,
  `INSERT INTO user_roles (id, user_id, role_id, org_id)
   SELECT md5('a' || n)::uuid, md5('u' || n)::uuid, md5('r' || n)::uuid, md5('o' || n)::uuid FROM generate_series(1, $1::int / 100) n`,
];

const server = await startPostgres({
  settings: { fsync: 'on', synchronous_commit: 'on', full_page_writes: 'on', max_wal_size: '8GB' },
});
const client = new pg.Client({ connectionString: server.url });
await client.connect();
await client.query(readFileSync(new URL('../migrations/legacy/3_0_x.tables.sql', import.meta.url), 'utf8'));
for (const sql of FILL) await client.query(sql, [users]);
await client.query('VACUUM ANALYZE');
await client.query('CHECKPOINT');
const { rows } = await client.query('SELECT pg_size_pretty(pg_database_size(current_database())) AS size');
console.log(
  `${users} users, ${rows[0].size}, PostgreSQL ${(await client.query('SHOW server_version')).rows[0].server_version}`,
);

const nothing = () => undefined;
const logger = {
  debug: nothing,
  warn: console.warn,
  error: console.error,
  /** @param {string} message @param {Record<string, unknown>} fields */
  info(message, { step, what, rows, durationMs }) {
    if (flags.steps && Number(durationMs) > 100)
      console.log(`  ${seconds(Number(durationMs))}  ${step ?? message} ${what ?? ''} ${rows || ''}`);
  },
};
const storage = new PostgresStorageAdapter(server.url, { logger, legacyTimeZone: flags.zone });
console.log(`taken over in ${await timed(() => storage.connect())}`);
console.log(`a session found in ${await timed(() => storage.getSession('c4ca4238-a0b9-2382-0dcc-509a6f75849b'))}`);
await client.query('CHECKPOINT');
console.log(`given back in ${await timed(() => storage.rollback({ to: null, dropData: true }))}`);
await storage.disconnect();
await client.end();
await server.stop();

/** @param {number} ms */
function seconds(ms) {
  return `${(ms / 1000).toFixed(3)} s`;
}

/** @param {() => Promise<unknown>} work */
async function timed(work) {
  const started = performance.now();
  await work();
  return seconds(performance.now() - started);
}
