/** How much garbage the facade leaves to the collector. */
import { useDatabase } from './helpers/database';
import { runScript } from './helpers/process';

const db = useDatabase();

const LOOKUPS = `
  import { PerformanceObserver, constants } from 'node:perf_hooks';
  import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
  let collections = 0;
  new PerformanceObserver((list) => {
    collections += list.getEntries().filter(({ detail }) => detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR).length;
  }).observe({ entryTypes: ['gc'] });
  const storage = new PostgresStorageAdapter(process.env.URL);
  const { id } = await storage.createUser({ name: 'n'.repeat(500) });
  let left = 200_000;
  const caller = async () => {
    while (left-- > 0) await storage.getUser(id);
  };
  await Promise.all(Array.from({ length: 1_000 }, caller));
  await storage.disconnect();
  console.log(collections);`;

it('200 000 look-ups cause fewer than five major garbage collections, because results that were handed over die young', async () => {
  const { stdout, stderr } = await runScript(LOOKUPS, { env: { URL: db.url }, timeoutMs: 60_000 });
  expect(stderr).toBe('');
  expect(Number(stdout)).toBeLessThan(5);
}, 90_000);
