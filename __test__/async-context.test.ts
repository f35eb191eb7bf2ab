/** The logger and the password function run in the async context of the call that caused them, and no context is retained. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { useDatabase } from './helpers/database';
import { until, whileLocked } from './helpers/failing';
import { unique } from './helpers/fixtures';
import { runScript } from './helpers/process';

const db = useDatabase();
const requests = new AsyncLocalStorage<string>();

/** Lines with the store that they found. */
function listener() {
  const lines: { store: string | undefined; message: string; operation: unknown }[] = [];
  const hear = (message: string, fields: Record<string, unknown>) =>
    void lines.push({ store: requests.getStore(), message, operation: fields.operation });
  return { lines, logger: { debug: hear, info: hear, warn: hear, error: hear } };
}

it('the logger runs in the async context of the call that caused the line', async () => {
  const { lines, logger } = listener();
  const storage = db.adapter({ logger, max: 4 });
  await requests.run('connect', () => storage.connect());
  await requests.run('first', () => storage.getUser('x'));
  await Promise.all([
    requests.run('a', () => storage.getSession('x')),
    requests.run('b', () => storage.getRole('x')),
    requests.run('c', () => storage.listApiKeys('x')),
    requests.run('d', () => storage.createUser({ name: 'd' })),
    requests.run('e', () => storage.updateUser('nobody', { name: 'e' }).catch(() => undefined)),
    storage.getOrganization('x'),
  ]);
  const statements = lines.filter(({ message }) => message === 'statement');
  expect(Object.fromEntries(statements.map(({ operation, store }) => [operation, store]))).toEqual({
    ...{ connect: 'connect', getUser: 'first', getSession: 'a', getRole: 'b', listApiKeys: 'c', createUser: 'd' },
    ...{ updateUser: 'e', getOrganization: undefined },
  });
  // The one that had to wait for a new connection says so.
  const stores = ['connect', 'first', 'a', 'b', 'c', 'd', 'e', undefined];
  for (const { store } of lines) expect(stores).toContain(store);
});

it('the logger runs in the context of one of the callers when several calls share a statement', async () => {
  const { lines, logger } = listener();
  const storage = db.adapter({ logger, max: 1 });
  const { id } = await storage.createUser({});
  lines.length = 0;
  // They find the only connection taken, so that they share statements however slowly they are made.
  await whileLocked(db, 'SELECT FROM users WHERE id = $1 FOR UPDATE', [id], async (release) => {
    const update = storage.updateUser(id, { name: 'late' });
    const calls = Array.from({ length: 50 }, (_, at) => requests.run(`r${at}`, () => storage.getUser(`x${at}`)));
    await release();
    await Promise.all([update, ...calls]);
  });
  const statements = lines.filter(({ message, operation }) => message === 'statement' && operation === 'getUser');
  expect(statements.length).toBeGreaterThan(0);
  expect(statements.length).toBeLessThan(50);
  expect(new Set(statements.map(({ store }) => store)).size).toBe(statements.length);
  for (const { store } of statements) expect(store).toMatch(/^r\d+$/);
});

it('the logger runs without an async context for lines that no call caused', async () => {
  const { lines, logger } = listener();
  const storage = db.adapter({ logger, statementTimeoutMs: 0 });
  const { id } = await requests.run('create', () => storage.createUser({}));
  await whileLocked(db, 'SELECT FROM users WHERE id = $1 FOR UPDATE', [id], async () => {
    const update = requests.run('update', () => storage.updateUser(id, { name: 'x' }, { timeoutMs: 30 }));
    await expect(update).rejects.toMatchObject({ code: 'auth_postgres/cancelled' });
    await until(async () => lines.some(({ message }) => message === 'statement cancelled on the server'));
  });
  expect(lines.find(({ message }) => message === 'statement cancelled on the server')?.store).toBeUndefined();
  const retried = lines.filter(({ operation }) => operation === 'createUser');
  expect(retried.map(({ store }) => store)).toEqual(['create']);
});

it('the password function runs in the async context of the call that needs the connection', async () => {
  const stores: unknown[] = [];
  const password = async () => {
    stores.push(requests.getStore());
    await new Promise((resolve) => setImmediate(resolve));
    stores.push(requests.getStore());
    return decodeURIComponent(new URL(db.url).password);
  };
  const storage = db.adapter({ password, application_name: unique('ask'), maxUses: 1, max: 1 });
  await requests.run('first', () => storage.getUser('x'));
  await requests.run('second', () => storage.createUser({}));
  await storage.getRole('x');
  expect(stores).toEqual(['first', 'first', 'second', 'second', undefined, undefined]);
});

it.each([
  ['with a logger', `{ logger: { debug() {}, info() {}, warn() {}, error() {} } }`],
  ['with a password function', `{ password: () => decodeURIComponent(new URL(process.env.URL).password) }`],
  ['without either', `{}`],
])('an adapter retains nothing of a request’s async context, not even of the first one: %s', async (_, options) => {
  const { code, stdout, stderr } = await runScript(
    `
    import { AsyncLocalStorage } from 'node:async_hooks';
    import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
    const requests = new AsyncLocalStorage();
    let storage;
    const request = async (name) => {
      const store = { name, body: Buffer.alloc(1 << 20) };
      await requests.run(store, async () => {
        storage ??= new PostgresStorageAdapter(process.env.URL, ${options});
        await storage.connect();
        const { signal } = new AbortController();
        await Promise.all([
          storage.getUser('x'), storage.createUser({}), storage.getRole('x', { signal }), storage.getRole('x', { timeoutMs: 10_000 }),
          storage.updateUser('nobody', { name: 'x' }).catch(() => {}), ...Array.from({ length: 100 }, () => storage.getSession('x')),
        ]);
      });
      return new WeakRef(store);
    };
    const seen = [await request('first'), await request('second'), await request('third')];
    for (let round = 0; round < 20; round += 1) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      globalThis.gc();
    }
    console.log(seen.map((store) => store.deref()?.name ?? 'gone').join());
    console.log(await storage.getUser('x'));
    await storage.disconnect();`,
    { env: { URL: db.url }, flags: ['--expose-gc'] },
  );
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'gone,gone,gone\nnull\n', stderr: '' });
});
