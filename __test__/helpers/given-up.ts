/** Statements that are given up again and again. */
import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import type { TestDatabase } from './database';
import { expectCode } from './errors';
import { backendsOf, until, whileLocked } from './failing';
import { race } from './race';

/** Gives updates up that wait for a lock. Each ends on the server, and other calls go on. `name` is the `application_name`. */
export async function giveUpUpdates(db: TestDatabase, storage: PostgresStorageAdapter, name: string): Promise<void> {
  const lists = () => race(8, () => storage.listUsers({ limit: 1 }));
  const waiting = async () => (await backendsOf(db, name, { waiting: true })).length;
  await lists();
  const { id } = await db.storage.createUser({});
  await whileLocked(db, 'SELECT FROM users WHERE id = $1 FOR UPDATE', [id], async () => {
    for (let round = 0; round < 5; round += 1) {
      const abort = new AbortController();
      const call = expectCode(storage.updateUser(id, { plan: 'x' }, { signal: abort.signal }), 'cancelled');
      await until(async () => (await waiting()) === 1);
      abort.abort();
      await call;
      await until(async () => (await waiting()) === 0);
      await expect(lists()).resolves.toMatchObject({ rejected: [] });
    }
  });
}
