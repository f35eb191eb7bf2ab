/** How the Express example begins and ends, and what it does where the library is installed. */
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { Client } from 'pg';
import { useDatabase } from '../helpers/database';
import { ExpressSite } from './helpers/express-site';

const database = useDatabase();
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A cookie of somebody who is signed in, whose session the next request extends. */
async function cookieOfSomebody(): Promise<{ sessionId: string; cookie: string }> {
  const user = await database.storage.createUser({});
  const { id } = await database.storage.createSession({ userId: user.id, expiresAt: new Date(Date.now() + 300_000) });
  return { sessionId: id, cookie: `session=${id}` };
}

/** Resolves once the server has no connection of the site any more. It notices the end of one a moment later. */
async function untilDisconnected(): Promise<void> {
  const sql = "SELECT pid FROM pg_stat_activity WHERE application_name = 'example-express'";
  while ((await database.query(sql)).length > 0) await wait(50);
}

it('Under load, a site that is told to end loses no request, and leaves no connection to the database', async () => {
  const site = await ExpressSite.start({ databaseUrl: database.url, env: { DRAIN_SECONDS: '5' } });
  const outcomes: (number | string)[] = [];
  let isReady = true;
  const people = await Promise.all(Array.from({ length: 16 }, cookieOfSomebody));
  // As a load balancer does: requests are sent until the site says that it should get none.
  const load = people.map(async ({ cookie }) => {
    while (isReady) {
      const answer = fetch(`${site.origin}/account`, { headers: { cookie } });
      outcomes.push(await answer.then(({ status }) => status, String));
    }
  });
  const probe = async () => {
    while (isReady) {
      isReady = (await fetch(`${site.origin}/healthz`)).ok;
      await wait(20);
    }
  };
  const watching = probe();
  while (outcomes.length < 64) await wait(20);
  const before = outcomes.length;
  const ended = site.stop();
  await Promise.all([...load, watching]);
  expect(await ended).toBe(0);
  expect(outcomes.length).toBeGreaterThan(before);
  expect(new Set(outcomes)).toEqual(new Set([200]));
  expect(site.output).not.toContain('error');
  await untilDisconnected();
});

it('A request that is under way is answered, although no new one is accepted', async () => {
  const site = await ExpressSite.start({ databaseUrl: database.url });
  const { sessionId, cookie } = await cookieOfSomebody();
  const locker = new Client({ connectionString: database.url });
  await locker.connect();
  try {
    await locker.query('BEGIN');
    await locker.query('SELECT id FROM sessions WHERE id = $1 FOR UPDATE', [sessionId]);
    // It waits for the session, whose expiry it moves.
    const waiting = fetch(`${site.origin}/account`, { headers: { cookie } });
    await wait(500);
    const ended = site.stop();
    await wait(300);
    await expect(fetch(`${site.origin}/healthz`)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
    await locker.query('COMMIT');
    const answer = await waiting;
    expect([answer.status, answer.headers.get('connection')]).toEqual([200, 'close']);
    expect(await ended).toBe(0);
  } finally {
    await locker.end();
  }
});

it('Without DATABASE_URL it runs on an embedded server, which ends with it', async () => {
  const args = ['../with-server.mjs', '--env-file=local.env', '--import', 'tsx', 'src/main.ts'];
  const site = await ExpressSite.start({ args });
  expect(await (await fetch(`${site.origin}/healthz`)).json()).toEqual({ status: 'ok' });
  expect(await site.stop()).toBe(0);
}, 120_000);

it('Where @kitiumai/auth is installed, its error handler gets errors that it understands', async () => {
  const hooks = pathToFileURL(path.join(__dirname, 'library', 'register.mjs')).href;
  const args = ['--import', 'tsx', '--import', hooks, 'src/main.ts'];
  const site = await ExpressSite.start({ databaseUrl: database.url, args });
  try {
    const user = await database.storage.createUser({});
    const { key } = await database.storage.createApiKeyWithSecret(user.id, ['events:read']);
    const answer = await fetch(`${site.origin}/api/events?after=nothing`, {
      headers: { authorization: `Bearer ${key}` },
    });
    expect([answer.status, await answer.json()]).toEqual([422, { library: 'auth_postgres/invalid_input' }]);
  } finally {
    await site.stop();
  }
});
