/** What happens when a process lacks threads or a temporary directory, and what it must not leave behind. */
import { useDatabase } from './helpers/database';
import { expectCode, rejection } from './helpers/errors';
import { until, whileLocked } from './helpers/failing';
import { MIGRATION_LOCK } from './helpers/migrations';
import { runScript } from './helpers/process';

const db = useDatabase();

it('calls fail with resource_exhausted when no thread can be started, and the process survives', async () => {
  const script = `
    import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
    const storage = new PostgresStorageAdapter(process.env.URL);
    const failed = ({ code, retryable, cause }) => console.log(code, retryable, cause?.code);
    await storage.connect().catch(failed);
    await storage.getUser('x').catch(failed);
    await Promise.all([storage.getUser('x'), storage.getUser('y')]).catch(failed);
    await storage.createBackupCodes('x', ['1']).catch(failed);
    console.log((await storage.healthCheck()).code);
    await storage.disconnect().catch(failed);`;
  // No system can allocate a stack of this size.
  const { stdout, stderr, signal } = await runScript(script, {
    env: { URL: db.url, RUST_MIN_STACK: String(2 ** 46) },
  });
  const line = 'auth_postgres/resource_exhausted true EAGAIN\n';
  const lines = [line.repeat(4), 'auth_postgres/resource_exhausted\n', line];
  expect({ stdout, stderr, signal }).toEqual({ stdout: lines.join(''), stderr: '', signal: null });
});

it.each([
  ['is missing', '/nowhere/at/all'],
  ['cannot be written to', '/proc'],
])('keepAlive works when the directory for temporary files %s', async (_, TMPDIR) => {
  const script = `
    import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
    const storage = new PostgresStorageAdapter(process.env.URL, { keepAlive: true });
    console.log(await storage.getUser('x').catch(({ message, cause }) => message + cause?.message));
    await storage.disconnect();`;
  const { stdout } = await runScript(script, { env: { URL: db.url, TMPDIR } });
  // Elsewhere than on Linux the error says which directory it is.
  expect(stdout).toContain(process.platform === 'linux' ? 'null' : TMPDIR);
});

it('a worker thread that is terminated while its password function runs leaves no open question in the core', async () => {
  const script = `
    import { createRequire } from 'node:module';
    import { Worker } from 'node:worker_threads';
    const native = createRequire(process.cwd() + '/x.js')('./native.js');
    const worker = new Worker(\`
      const { parentPort } = require('node:worker_threads');
      const { PostgresStorageAdapter } = require('@kitiumai/auth-postgres');
      const password = () => { parentPort.postMessage('asked'); return new Promise(() => {}); };
      new PostgresStorageAdapter(process.env.URL, { password, connectionTimeoutMillis: 0 }).getUser('x');
    \`, { eval: true, execArgv: [] });
    await new Promise((resolve) => worker.once('message', resolve));
    const before = native.openQuestions();
    await worker.terminate();
    for (let at = 0; at < 100 && native.openQuestions() > 0; at += 1) await new Promise((done) => setTimeout(done, 10));
    console.log(before, native.openQuestions());`;
  expect(await runScript(script, { env: { URL: db.url } })).toMatchObject({ stdout: '1 0\n', stderr: '' });
});

describe('when connect() and disconnect() run at once, the last one called decides:', () => {
  it('connect() after disconnect() leaves the adapter connected', async () => {
    const storage = db.adapter({ allowExitOnIdle: false });
    await storage.connect();
    await Promise.all([storage.disconnect(), storage.connect()]);
    await expect(storage.getUser('x')).resolves.toBeNull();
    await storage.disconnect();
  });

  it('disconnect() after connect() leaves the adapter disconnected', async () => {
    const storage = db.adapter();
    const connecting = storage.connect().catch(() => undefined);
    await storage.disconnect();
    await connecting;
    await expectCode(storage.getUser('x'), 'not_connected');
  });

  it('the process is held open only if connect() was called last, whichever call ends first', async () => {
    const { id } = await db.storage.createUser({});
    const script = (calls: string) => `
      import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
      const storage = new PostgresStorageAdapter(process.env.URL, { allowExitOnIdle: false });
      await storage.connect();
      // disconnect() waits for it.
      storage.updateUser(process.env.ID, { name: 'late' }).catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, 200));
      await Promise.all([${calls}].map((call) => call.catch(() => {})));
      process.stdout.write('open');`;
    const env = { URL: db.url, ID: id };
    await whileLocked(db, 'SELECT FROM users WHERE id = $1 FOR UPDATE', [id], async () => {
      const [held, left] = await Promise.all([
        runScript(script('storage.disconnect({ timeoutMs: 500 }), storage.connect()'), { env, timeoutMs: 5_000 }),
        runScript(script('storage.connect(), storage.disconnect({ timeoutMs: 500 })'), { env, timeoutMs: 15_000 }),
      ]);
      expect(held).toMatchObject({ stdout: 'open', signal: 'SIGKILL' });
      expect(left).toMatchObject({ stdout: 'open', signal: null });
    });
  });
});

describe('the migration lock', () => {
  const empty = useDatabase({ migrated: false });

  it('is waited for up to connectionTimeoutMillis, and without end when that is 0', async () => {
    await whileLocked(empty, `SELECT pg_advisory_xact_lock(${MIGRATION_LOCK})`, [], async (release) => {
      const started = performance.now();
      const error = await expectCode(empty.adapter({ connectionTimeoutMillis: 500 }).connect(), 'lock_timeout');
      expect(performance.now() - started).toBeLessThan(5_000);
      expect(error.retryable).toBe(true);
      expect(error.message).toContain('migration lock');
      const patient = empty.adapter({ connectionTimeoutMillis: 0 }).connect();
      await rejection(empty.adapter({ connectionTimeoutMillis: 0 }).connect({ timeoutMs: 100 }));
      await release();
      await patient;
    });
    await expect(empty.storage.getUser('x')).resolves.toBeNull();
  });
});

it('a transaction that fails leaves its backend idle, outside of a transaction', async () => {
  const application_name = 'failed-transaction';
  const storage = db.adapter({ application_name, max: 1 });
  const [first, second] = await Promise.all([db.storage.createUser({}), db.storage.createUser({})]);
  await db.storage.createBackupCodes(first.id, [{ id: 'taken', code: '1' }]);
  await expectCode(storage.createBackupCodes(second.id, [{ id: 'taken', code: '2' }]), 'conflict');
  const states = () => db.query('SELECT state FROM pg_stat_activity WHERE application_name = $1', [application_name]);
  expect(await states()).toEqual([{ state: 'idle' }]);
  await expect(storage.getUser('x')).resolves.toBeNull();
  await until(async () => (await states())[0]?.state === 'idle');
});
