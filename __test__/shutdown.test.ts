/** disconnect(), and processes and threads that end in the middle of calls. */
import { useDatabase } from './helpers/database';
import { expectCode } from './helpers/errors';
import { backendsOf, timeOf, until, whileLocked } from './helpers/failing';
import { eventInput, userInput } from './helpers/fixtures';
import { runScript } from './helpers/process';
import { Relay } from './helpers/relay';

const db = useDatabase();
const NAME = 'shutdown-test';
const LOCK_USER = 'SELECT 1 FROM users WHERE id = $1 FOR UPDATE';
const isWaiting = async () => (await backendsOf(db, NAME, { waiting: true })).length > 0;
const isGone = async () => (await backendsOf(db, NAME)).length === 0;
const adapter = (options = {}, url = db.url) =>
  db.adapter({ application_name: NAME, statementTimeoutMs: 0, connectionTimeoutMillis: 0, ...options }, url);

it('disconnect() at its deadline cancels calls that run, wait or share a statement', async () => {
  const storage = adapter({ max: 4 });
  const { id } = await storage.createUser(userInput());
  await whileLocked(db, LOCK_USER, [id], async () => {
    const updates = Array.from({ length: 20 }, () => storage.updateUser(id, { name: 'never' }));
    await until(isWaiting);
    const others = [storage.deleteUser(id), storage.linkOAuthAccount(id, 'g', { provider: 'g', sub: 's' })];
    const disconnected = storage.disconnect({ timeoutMs: 50 });
    for (const call of [...updates, ...others]) {
      const error = await expectCode(call, 'cancelled');
      expect(error.retryable).toBe(false);
    }
    await disconnected;
    await until(isGone);
  });
  await expect(db.storage.getUser(id)).resolves.not.toHaveProperty('name', 'never');
});

it('disconnect() ends in time when the server does not answer, and rejects pending calls', async () => {
  const relay = await Relay.start(db.url);
  const storage = adapter({ max: 4 }, relay.url);
  const { id } = await storage.createUser(userInput());
  await Promise.all(Array.from({ length: 20 }, () => storage.createUser(userInput())));
  relay.hold();
  const calls = [storage.updateUser(id, { name: 'x' }), storage.getUser(id), storage.createUser(userInput())];
  const ended = Promise.allSettled(calls);
  const started = performance.now();
  await storage.disconnect({ timeoutMs: 100 });
  // 100 ms, and three seconds of grace; the rest is the machine's.
  expect(performance.now() - started).toBeLessThan(15_000);
  expect((await ended).map(({ status }) => status)).toEqual(calls.map(() => 'rejected'));
  await relay.close();
  await until(isGone);
});

it('a second disconnect() waits for the first, and its own deadline ends both', async () => {
  const storage = adapter();
  const { id } = await storage.createUser(userInput());
  await whileLocked(db, LOCK_USER, [id], async (release) => {
    const update = storage.updateUser(id, { name: 'late' });
    await until(isWaiting);
    let isDone = false;
    const both = Promise.all([storage.disconnect({ timeoutMs: 60_000 }), storage.disconnect({ timeoutMs: 60_000 })]);
    void both.then(() => {
      isDone = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(isDone).toBe(false);
    await release();
    await expect(update).resolves.toMatchObject({ name: 'late' });
    await both;
  });

  await storage.connect();
  await whileLocked(db, LOCK_USER, [id], async () => {
    const update = expectCode(storage.updateUser(id, { name: 'x' }), 'cancelled', { outcome: 'unknown' });
    await until(isWaiting);
    const patient = storage.disconnect({ timeoutMs: 60_000 });
    await storage.disconnect({ timeoutMs: 20 });
    await update;
    await patient;
  });
  await until(isGone);
});

it('connect() opens the adapter while a disconnect() still waits for calls', async () => {
  const storage = adapter();
  const { id } = await storage.createUser(userInput());
  await whileLocked(db, LOCK_USER, [id], async (release) => {
    const update = storage.updateUser(id, { name: 'old' });
    await until(isWaiting);
    const disconnected = storage.disconnect({ timeoutMs: 60_000 });
    await expectCode(storage.getUser(id), 'not_connected');
    await storage.connect();
    await expect(storage.getUser(id)).resolves.toMatchObject({ id });
    await release();
    await expect(update).resolves.toMatchObject({ name: 'old' });
    await disconnected;
    await expect(storage.getUser(id)).resolves.toMatchObject({ name: 'old' });
  });
  await storage.disconnect();
  await until(isGone);
});

it.each([1, 64, 256])('calls after a connect() do not wait for the %i that a disconnect() waits for', async (n) => {
  const relay = await Relay.start(db.url);
  const storage = adapter({ max: 1 }, relay.url);
  const kinds = (count: number) =>
    Array.from({ length: count }, () => [
      storage.getUser('x'),
      storage.emitEvent(eventInput()),
      storage.createUser(userInput()),
    ]).flat();
  await Promise.all(kinds(1));
  // The connection that is open gets no answer any more, a new one does.
  relay.holdOpen();
  const before = Promise.allSettled(kinds(n));
  const disconnected = storage.disconnect({ timeoutMs: 20_000 });
  const connected = storage.connect();
  const answered = Promise.all([connected, ...kinds(n)]);
  expect(await timeOf(answered)).toBeLessThan(10_000);
  relay.release();
  expect(new Set((await before).map(({ status }) => status))).toEqual(new Set(['fulfilled']));
  await disconnected;
  await storage.disconnect();
  await relay.close();
  await until(isGone);
});

it('disconnect() ends a connect() that hangs, and the adapter can connect again', async () => {
  const relay = await Relay.start(db.url);
  relay.hold();
  const storage = adapter({}, relay.url);
  const connected = expectCode(storage.connect(), 'cancelled');
  await storage.disconnect({ timeoutMs: 20 });
  await connected;
  relay.release();
  await storage.connect();
  await expect(storage.getUser('x')).resolves.toBeNull();
  await storage.disconnect();
  await relay.close();
});

describe('when', () => {
  const script = (body: string) => `
    import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
    const { URL, ID } = process.env;
    const storage = new PostgresStorageAdapter(URL, { application_name: '${NAME}', statementTimeoutMs: 2000 });
    ${body}`;

  it('a process exits in the middle of calls, no statement runs past its timeout', async () => {
    const { id } = await db.storage.createUser(userInput());
    await whileLocked(db, LOCK_USER, [id], async () => {
      const result = await runScript(
        script(`for (let at = 0; at < 20; at += 1) storage.updateUser(ID, { name: 'never' }).catch(() => {});
          for (let at = 0; at < 20; at += 1) storage.getUser(ID).catch(() => {});
          setTimeout(() => process.exit(3), 300);`),
        { env: { URL: db.url, ID: id } },
      );
      expect(result).toMatchObject({ code: 3, signal: null, stderr: '' });
      await until(isGone);
    });
    await expect(db.storage.getUser(id)).resolves.not.toHaveProperty('name', 'never');
  });

  it('a worker thread is terminated in the middle of calls, no statement runs past its timeout and the process continues', async () => {
    const { id } = await db.storage.createUser(userInput());
    await whileLocked(db, LOCK_USER, [id], async () => {
      const result = await runScript(
        script(`
          import { Worker } from 'node:worker_threads';
          const code = \`
            import { parentPort } from 'node:worker_threads';
            import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
            const { URL, ID } = process.env;
            const storage = new PostgresStorageAdapter(URL, { application_name: '${NAME}', statementTimeoutMs: 2000 });
            const { signal } = new AbortController();
            for (let at = 0; at < 20; at += 1) storage.updateUser(ID, { name: 'never' }, { signal, timeoutMs: 9e5 });
            storage.getUser('x').then(() => parentPort.postMessage('up'));\`;
          for (let at = 0; at < 4; at += 1) {
            const worker = new Worker(code, { eval: true });
            await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
            await worker.terminate();
          }
          console.log(await storage.getUser('x'));
          await storage.disconnect();`),
        { env: { URL: db.url, ID: id } },
      );
      expect(result).toMatchObject({ code: 0, signal: null, stdout: 'null\n', stderr: '' });
      await until(isGone);
    });
  });
});
