/** What Node counts as open after an adapter has been closed: nothing that watchers such as jest would report. */
import { useDatabase } from './helpers/database';
import { runScript } from './helpers/process';

const db = useDatabase({ migrated: false });

/** Prints the asynchronous resources that the script's own lines have left open. */
const leftOpenBy = (lines: string) => `
  import { createHook } from 'node:async_hooks';
  import { setTimeout } from 'node:timers/promises';
  import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';

  const open = new Map();
  const hook = createHook({
    init: (id, type) => type.startsWith('napi') && open.set(id, type),
    destroy: (id) => open.delete(id),
  }).enable();
  ${lines}
  // The same respite as jest gives.
  await setTimeout(100);
  console.log(JSON.stringify([...open.values()]));
`;

const run = (lines: string) => runScript(leftOpenBy(lines), { env: { URL_OF_DATABASE: db.url } });
const CREATE = 'const storage = new PostgresStorageAdapter(process.env.URL_OF_DATABASE);';

it('disconnect() leaves no handle open', async () => {
  const { stdout, stderr } = await run(`${CREATE}
    await storage.connect();
    await Promise.all([storage.disconnect(), storage.disconnect()]);`);
  expect({ stdout, stderr }).toEqual({ stdout: '[]\n', stderr: '' });
});

it('an adapter that connects again works, and its next disconnect() leaves no handle open', async () => {
  const { stdout, stderr } = await run(`${CREATE}
    await storage.connect();
    await storage.disconnect();
    await storage.connect();
    const { id } = await storage.createUser({});
    if ((await storage.getUser(id)).id !== id) throw new Error('not found');
    await storage.disconnect();`);
  expect({ stdout, stderr }).toEqual({ stdout: '[]\n', stderr: '' });
});

it('an adapter opens no handle before its first call', async () => {
  const { stdout, stderr } = await run(CREATE);
  expect({ stdout, stderr }).toEqual({ stdout: '[]\n', stderr: '' });
});

it('a call after disconnect() is rejected, and leaves no handle open', async () => {
  const { stdout, stderr } = await run(`${CREATE}
    await storage.connect();
    await storage.disconnect();
    const late = await Promise.allSettled([storage.getUser('someone'), storage.getUser('someone')]);
    if (late.some(({ reason }) => reason?.code !== 'auth_postgres/not_connected')) throw new Error('was answered');`);
  expect({ stdout, stderr }).toEqual({ stdout: '[]\n', stderr: '' });
});

it('disconnect() waits for pending calls, and they are answered', async () => {
  const { stdout, stderr } = await run(`${CREATE}
    await storage.connect();
    const { id } = await storage.createUser({});
    const calls = Promise.all(Array.from({ length: 50 }, () => storage.getUser(id)));
    await storage.disconnect();
    if ((await calls).some((user) => user.id !== id)) throw new Error('not found');
    await storage.disconnect();`);
  expect({ stdout, stderr }).toEqual({ stdout: '[]\n', stderr: '' });
});
