/** A primary and its streaming standby: the primary is lost, the standby takes over, the old one comes back. */
import { appendFileSync, chownSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'pg';
import { type PostgresServer, startPostgres } from '../../scripts/test/postgres-server.cjs';
import { until } from '../helpers/failing';
import { Load, newMark } from './helpers/load';
import { DATABASE, ROLE, useOwnServer } from './helpers/own-server';
import { record } from './helpers/record';
import { type Ground, timeToFirstSuccess } from './helpers/scenario';
import { Witness } from './helpers/witness';

const LIMIT_MS = 20_000;
const primary = useOwnServer();
let standby: PostgresServer;
let onStandby: Pool;

/** Both hosts, of which the one that takes writes will do. */
function url(): string {
  const { username, password } = new URL(primary.url);
  const hosts = [primary.server, standby].map(({ host, port }) => `${host}:${port}`).join(',');
  return `postgres://${username}:${password}@${hosts}/${DATABASE}?target_session_attrs=read-write`;
}

beforeAll(async () => {
  await primary.server.control('stop fast');
  standby = await startPostgres({ standbyOf: primary.server, settings: { synchronous_commit: 'on' } });
  await primary.server.control('start');
  const ofStandby = new URL(standby.url);
  ofStandby.pathname = `/${DATABASE}`;
  onStandby = new Pool({ connectionString: ofStandby.href, max: 2 });
  onStandby.on('error', () => undefined);
  // From now on a commit is acknowledged once the standby has it on disk.
  await primary.asSuperuser("ALTER SYSTEM SET synchronous_standby_names = 'standby'");
  await primary.asSuperuser('SELECT pg_reload_conf()');
  await until(async () => {
    const [row] = await primary.asSuperuser(
      "SELECT count(*)::int AS n FROM pg_stat_replication WHERE sync_state = 'sync'",
    );
    return row.n === 1;
  });
}, 60_000);

afterAll(async () => {
  await onStandby?.end();
  await standby?.stop();
});

const query: Ground['query'] = async (sql, parameters) => (await onStandby.query(sql, parameters)).rows;

it('writes go on at the promoted standby, nothing acknowledged is lost, and the old primary is not written to', async () => {
  const mark = newMark();
  const witness = new Witness([mark, new URL(primary.url).password]);
  const storage = primary.adapter(
    {
      ...{ max: 4, connectionTimeoutMillis: 10_000, application_name: 'failover' },
      ...{ logger: witness.logger, logLevel: 'debug' },
    },
    url(),
  );
  const load = new Load(storage, witness, mark);
  await load.start(8);
  expect(await load.progress(200, LIMIT_MS)).toBe(true);
  expect([...witness.seen.keys()]).toEqual([]);

  await primary.server.control('kill');
  await sleep(500);
  await query('SELECT pg_promote()');
  const recoveryMs = await timeToFirstSuccess(storage);
  expect(recoveryMs).toBeLessThan(5_000);
  expect(await load.progress(200, LIMIT_MS)).toBe(true);
  await record({
    title: 'the primary is lost, its synchronous standby is promoted',
    seen: [...witness.seen],
    recoveryMs,
  });

  // Nobody has fenced it off: it takes itself for the primary still, without a standby to wait for.
  appendFileSync(join(primary.server.directory, 'data', 'postgresql.auto.conf'), "synchronous_standby_names = ''\n");
  await primary.server.control('start');
  const [before] = await primary.query('SELECT pg_current_wal_lsn() AS at, (SELECT count(*) FROM users) AS users');
  // Connections must be made anew while both can be reached.
  await query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'failover'");
  expect(await load.progress(400, LIMIT_MS)).toBe(true);
  expect(await load.stop(LIMIT_MS)).toBe(true);
  const [after] = await primary.query('SELECT pg_current_wal_lsn() AS at, (SELECT count(*) FROM users) AS users');
  expect(after.users).toEqual(before.users);
  expect(await primary.query("SELECT 1 FROM pg_stat_activity WHERE application_name = 'failover'")).toEqual([]);

  expect(witness.strangers).toEqual([]);
  expect(witness.leaks).toEqual([]);
  expect(await load.verify(query)).toEqual([]);
}, 90_000);

it('a new application does not write to an old primary that has come back as a standby', async () => {
  await primary.server.control('stop fast');
  const signal = join(primary.server.directory, 'data', 'standby.signal');
  writeFileSync(signal, '');
  const { uid, gid } = statSync(join(primary.server.directory, 'data'));
  chownSync(signal, uid, gid);
  await primary.server.control('start');

  const storage = primary.adapter({}, url());
  await storage.connect();
  const { id } = await storage.createUser({ name: ROLE });
  expect(await query('SELECT name FROM users WHERE id = $1', [id])).toEqual([{ name: ROLE }]);
});
