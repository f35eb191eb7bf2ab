/** Connections that are lost while they rest: what the next call notices of it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { useDatabase } from './helpers/database';
import { backendsOf, until, whileLocked } from './helpers/failing';
import { userInput } from './helpers/fixtures';
import { Relay } from './helpers/relay';

const db = useDatabase();
const NAME = 'lost-connections';
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

/** Makes the pool open so many connections: as many calls, of two kinds, wait for a lock at once. */
async function openConnections(storage: ReturnType<typeof db.adapter>, count: number): Promise<void> {
  const { id } = await db.storage.createUser(userInput());
  await whileLocked(db, 'SELECT FROM users WHERE id = $1 FOR UPDATE', [id], async (release) => {
    const calls = numbers(count).map((at) =>
      at % 2 === 0 ? storage.updateUser(id, { name: `${at}` }) : storage.unlinkOAuthAccount(id, 'google'),
    );
    await until(async () => (await backendsOf(db, NAME, { waiting: true })).length === count);
    await release();
    await Promise.all(calls);
  });
}

it('a write after five seconds of rest is not sent on a connection that has died in silence, nor are all tried in turn', async () => {
  const relay = await Relay.start(db.url);
  const limits = { connectionTimeoutMillis: 4_000, statementTimeoutMs: 2_000 };
  const storage = db.adapter({ application_name: NAME, max: 8, idleTimeoutMillis: 0, ...limits }, relay.url);
  const { id } = await storage.createUser(userInput());
  await openConnections(storage, 8);
  relay.halfOpen();
  await sleep(5_200);
  // Each of them would take a second to be found dead.
  await expect(storage.updateUser(id, { name: 'after' })).resolves.toMatchObject({ name: 'after' });
  await expect(storage.healthCheck()).resolves.toMatchObject({ status: 'ok', pool: { total: 1 } });
  await storage.disconnect({ timeoutMs: 0 });
  await relay.close();
});

it('a connection that rested for less is used without being asked first', async () => {
  const relay = await Relay.start(db.url);
  const storage = db.adapter({ max: 1 }, relay.url);
  await storage.listRoles('x');
  await storage.listRoles('x');
  relay.reset();
  await sleep(300);
  await storage.listRoles('x');
  expect(relay.roundTrips).toBe(1);
  await storage.disconnect();
  await relay.close();
});

it('when one was found dead, the others are asked before they are used: one attempt more is enough', async () => {
  const storage = db.adapter({ application_name: NAME, max: 8, idleTimeoutMillis: 0, maxRetries: 1 });
  await openConnections(storage, 8);
  const backends = await backendsOf(db, NAME);
  expect(backends).toHaveLength(8);
  await db.query('SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid', [backends]);
  await until(async () => (await backendsOf(db, NAME)).length === 0);
  await expect(storage.listRoles('x')).resolves.toEqual([]);
  await storage.disconnect();
});

it('a connection that the server ended for its rest is replaced by a read', async () => {
  const [{ has_limit }] = await db.query(`SELECT current_setting('server_version_num')::int >= 140000 AS has_limit`);
  // Older servers end none for that. The new connection must not rest for as long, even on a busy machine.
  const options = has_limit ? '-c idle_session_timeout=1000' : '-c geqo=on';
  const storage = db.adapter({ application_name: NAME, max: 1, options, maxRetries: 1 });
  await storage.listRoles('x');
  if (has_limit) await until(async () => (await backendsOf(db, NAME)).length === 0);
  await expect(storage.listRoles('x')).resolves.toEqual([]);
  await storage.disconnect();
});
