/** From the first call to disconnect(): when connections are opened and closed, and when the process may exit. */
import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { useDatabase } from './helpers/database';
import { expectCode } from './helpers/errors';
import { backendsOf, until, whileLocked } from './helpers/failing';
import { MIGRATIONS } from './helpers/migrations';
import { runScript } from './helpers/process';

const db = useDatabase();
const NAME = 'lifecycle-test';

const backends = async () => (await backendsOf(db, NAME)).length;
const isWaiting = async () => (await backendsOf(db, NAME, { waiting: true })).length > 0;

const LOCK_USER = 'SELECT 1 FROM users WHERE id = $1 FOR UPDATE';

it('an adapter opens no connection before its first call', async () => {
  const storage = db.adapter({ application_name: NAME });
  expect(await backends()).toBe(0);
  await expect(storage.getUser('x')).resolves.toBeNull();
  expect(await backends()).toBe(1);
  await storage.disconnect();
  await until(async () => (await backends()) === 0);
});

it('connect() may be called many times at once, and again after disconnect()', async () => {
  const storage = db.adapter({ application_name: NAME });
  await Promise.all(Array.from({ length: 10 }, () => storage.connect()));
  await Promise.all([storage.disconnect(), storage.disconnect()]);
  await storage.disconnect();
  await expectCode(storage.getUser('x'), 'not_connected');
  await expectCode(storage.createUser({}), 'not_connected');
  await expectCode(storage.emitEvent({} as never), 'invalid_input');
  await expect(storage.healthCheck()).resolves.toMatchObject({ status: 'error', code: 'auth_postgres/not_connected' });
  await storage.connect();
  await expect(storage.getUser('x')).resolves.toBeNull();
  await expect(storage.healthCheck()).resolves.toMatchObject({ status: 'ok', pendingMigrations: [] });
  await storage.disconnect();
});

it('disconnect() waits for running calls, and new calls are rejected', async () => {
  const storage = db.adapter({ application_name: NAME });
  const { id } = await storage.createUser({});
  await whileLocked(db, LOCK_USER, [id], async (release) => {
    const update = storage.updateUser(id, { name: 'late' });
    await until(isWaiting);
    const disconnect = storage.disconnect();
    await expectCode(storage.getUser(id), 'not_connected');
    await release();
    await expect(update).resolves.toMatchObject({ name: 'late' });
    await disconnect;
  });
  await until(async () => (await backends()) === 0);
});

it('disconnect() cancels running calls on the server after its timeoutMs', async () => {
  const storage = db.adapter({ application_name: NAME, statementTimeoutMs: 0 });
  const { id } = await storage.createUser({});
  await whileLocked(db, LOCK_USER, [id], async () => {
    const update = expectCode(storage.updateUser(id, { name: 'never' }), 'cancelled', { outcome: 'unknown' });
    await until(isWaiting);
    await storage.disconnect({ timeoutMs: 50 });
    await update;
    await until(async () => (await backends()) === 0);
  });
  await expect(db.storage.getUser(id)).resolves.not.toHaveProperty('name');
});

it('100 adapters that were disconnected leave no backends behind', async () => {
  for (let at = 0; at < 100; at += 1) {
    const storage = new PostgresStorageAdapter(db.url, { application_name: NAME });
    await storage.getUser('x');
    await storage.disconnect();
  }
  await until(async () => (await backends()) === 0);
});

describe('on a database without tables', () => {
  const empty = useDatabase({ migrated: false });

  it('a call suggests connect(), and healthCheck() lists the pending migrations', async () => {
    const error = await expectCode(empty.storage.getUser('x'), 'schema_mismatch', { sqlState: '42P01' });
    expect(error.message).toContain('connect()');
    const health = await empty.storage.healthCheck();
    expect(health).toMatchObject({ status: 'ok', pendingMigrations: MIGRATIONS });
  });
});

describe('the process', () => {
  const script = (body: string, options = '{}') => `
    import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
    const storage = new PostgresStorageAdapter(process.env.URL, ${options});
    ${body}`;
  const run = (body: string, options?: string) => runScript(script(body, options), { env: { URL: db.url } });

  it('exits while an adapter is idle', async () => {
    const result = await run(`await storage.connect(); await storage.createUser({}); console.log('done');`);
    expect(result).toMatchObject({ code: 0, signal: null, stdout: 'done\n', stderr: '' });
  });

  it('does not exit before a pending call is answered', async () => {
    const result = await run(`storage.createUser({}).then((user) => console.log(typeof user.id));`);
    expect(result).toMatchObject({ code: 0, stdout: 'string\n' });
  });

  it('does not exit while an adapter with allowExitOnIdle: false is connected', async () => {
    const result = await run(
      `await storage.connect();
       setTimeout(() => { console.log('still here'); storage.disconnect(); }, 300).unref();`,
      '{ allowExitOnIdle: false }',
    );
    expect(result).toMatchObject({ code: 0, signal: null, stdout: 'still here\n' });
  });

  it('survives worker threads that are terminated in the middle of calls', async () => {
    const result = await run(`
      import { Worker } from 'node:worker_threads';
      const code = \`
        import { parentPort } from 'node:worker_threads';
        import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
        const storage = new PostgresStorageAdapter(process.env.URL);
        for (let at = 0; at < 50; at += 1) storage.getUser('x');
        storage.getUser('x').then(() => parentPort.postMessage('up'));\`;
      for (let at = 0; at < 8; at += 1) {
        const worker = new Worker(code, { eval: true });
        await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
        await worker.terminate();
      }
      console.log((await storage.getUser('x')) === null);`);
    expect(result).toMatchObject({ code: 0, signal: null, stdout: 'true\n', stderr: '' });
  });
});
