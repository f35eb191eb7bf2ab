/**
 * Starts 100 worker threads, ten at a time, that end in every way a thread can; the main thread keeps working, and
 * no connection of theirs stays behind.
 */
const assert = require('node:assert');
const { isMainThread, parentPort, Worker, workerData } = require('node:worker_threads');
const { PostgresStorageAdapter } = require('@kitiumai/auth-postgres');

const WORKERS = 100;
const AT_ONCE = 10;
const ENDS = ['disconnects', 'returns', 'throws', 'exits mid-call', 'is terminated mid-call'];
const url = process.env.DATABASE_URL ?? '';

async function main() {
  const storage = new PostgresStorageAdapter(url, { application_name: 'main-thread' });
  await storage.connect();
  const { id } = await storage.createUser({});
  let running = true;
  let calls = 0;
  const own = (async () => {
    for (; running; calls += 1) assert.strictEqual((await storage.getUser(id))?.id, id);
  })();

  const numbers = Array.from({ length: WORKERS }, (_, index) => index);
  const next = async () => {
    for (let number = numbers.pop(); number !== undefined; number = numbers.pop()) {
      await runWorker(/** @type {string} */ (ENDS[number % ENDS.length]), id);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));

  running = false;
  await own;
  assert.ok(calls > 0);
  await storage.disconnect();
  console.log(process.versions.node);
}

/**
 * @param {string} end
 * @param {string} userId
 */
function runWorker(end, userId) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(__filename, { workerData: { end, userId } });
    let failure = '';
    worker.on('message', (/** @type {string} */ message) => {
      if (message === 'calling' && end === 'is terminated mid-call') worker.terminate();
    });
    worker.on('error', (error) => {
      failure = String(error);
    });
    worker.on('exit', () => {
      const expected = end === 'throws' ? 'Error: on purpose' : '';
      if (failure === expected) resolve(undefined);
      else reject(new Error(`the worker that ${end}: ${failure}`));
    });
  });
}

async function work() {
  const { end, userId } = workerData;
  const storage = new PostgresStorageAdapter(url, {
    application_name: 'worker-thread',
    max: 2,
    // Of those whose thread does not disconnect.
    idleTimeoutMillis: 500,
  });
  assert.strictEqual((await storage.getUser(userId))?.id, userId);
  const calls = Array.from({ length: 20 }, () => storage.getUser(userId));
  // Only those that wait for their answers may see a rejection.
  for (const call of calls) call.catch(() => undefined);
  parentPort?.postMessage('calling');
  if (end === 'throws') throw new Error('on purpose');
  if (end === 'exits mid-call') process.exit();
  for (const call of calls) assert.strictEqual((await call)?.id, userId);
  if (end === 'is terminated mid-call') for (;;) await storage.getUser(userId);
  if (end === 'disconnects') await storage.disconnect();
}

if (isMainThread) {
  main().catch((error) => {
    console.error(error);
    process.exitCode = 1;
  });
} else {
  work().catch((error) => {
    setImmediate(() => {
      throw error;
    });
  });
}
