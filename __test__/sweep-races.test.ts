/** Sweeps beside calls for the same rows, from several processes’ worth of adapters: a renewal that resolved is kept. */
import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { Client } from 'pg';
import { useDatabase } from './helpers/database';
import { until } from './helpers/failing';
import { makeWorld } from './helpers/families';
import { inAnHour, inMs, sessionInput, unique } from './helpers/fixtures';
import { race } from './helpers/race';

const db = useDatabase();
let adapters: PostgresStorageAdapter[];
let userId: string;

beforeAll(async () => {
  adapters = [db.storage, db.adapter({ max: 5 }), db.adapter({ max: 5 })];
  ({ userId } = await makeWorld(db.storage));
});

const ids = async () => new Set((await db.query<{ id: string }>('SELECT id FROM sessions')).map(({ id }) => id));

it.each([64, 256])(
  'no session that one of %d calls has renewed is deleted by sweeps beside them',
  async (calls) => {
    let renewed = 0;
    let missed = 0;
    // On a machine that is busy they have to live longer, or none is left to be renewed.
    let lives = 1;
    for (let round = 0; round < 6 || ((renewed === 0 || missed === 0) && round < 12); round += 1) {
      const names = Array.from({ length: calls }, () => unique('s'));
      // They expire one after the other, while they are renewed.
      await race(calls, adapters, (storage, at) =>
        storage.createSession(
          sessionInput(userId, { id: names[at] as string, expiresAt: inMs(lives * (60 + (at % 40) * 2)) }),
        ),
      );
      let isOver = false;
      const sweeping = adapters.map(async (storage) => {
        while (!isOver) await storage.sweep({ kinds: ['sessions'], batchSize: 1 + (round % 3) * 20 });
      });
      const outcomes = await Promise.all(
        names.map(async (id, at) => {
          await new Promise((resolve) => setTimeout(resolve, 20 + ((at * 7) % 40) * 3));
          const storage = adapters[at % adapters.length] as PostgresStorageAdapter;
          return storage.updateSession(id, { expiresAt: inAnHour() }).then(
            () => ({ id, isRenewed: true }),
            (error: { code: string }) => {
              expect(error.code).toBe('auth_postgres/not_found');
              return { id, isRenewed: false };
            },
          );
        }),
      );
      isOver = true;
      await Promise.all(sweeping);
      await db.storage.sweep();
      const left = await ids();
      for (const { id, isRenewed } of outcomes) expect({ id, isLeft: left.has(id) }).toEqual({ id, isLeft: isRenewed });
      const count = outcomes.filter(({ isRenewed }) => isRenewed).length;
      if (count === 0) lives *= 2;
      if (count === calls) lives /= 2;
      renewed += count;
      missed += outcomes.filter(({ isRenewed }) => !isRenewed).length;
      await db.query('DELETE FROM sessions');
    }
    // Otherwise the two would not have met.
    expect(renewed).toBeGreaterThan(0);
    expect(missed).toBeGreaterThan(0);
  },
  120_000,
);

it.each([64, 256])(
  'no session of %d whose renewal another transaction commits beside sweeps is deleted',
  async (count) => {
    const renewed = Array.from({ length: count }, () => unique('renewed'));
    const expired = Array.from({ length: count }, () => unique('expired'));
    await db.query(
      `INSERT INTO sessions (id, user_id, expires_at)
     SELECT id, $1, now() - interval '1 s' FROM unnest($2::text[]) id ORDER BY random()`,
      [userId, [...renewed, ...expired]],
    );
    const renewal = new Client({ connectionString: db.url });
    await renewal.connect();
    await renewal.query('BEGIN');
    await renewal.query(`UPDATE sessions SET expires_at = now() + interval '1 hour' WHERE id = ANY($1)`, [renewed]);
    const sweeps = Array.from({ length: 12 }, (_, at) =>
      (adapters[at % adapters.length] as PostgresStorageAdapter).sweep({ kinds: ['sessions'], batchSize: 10 }),
    );
    await until(async () => (await db.query('SELECT FROM sessions WHERE id = ANY($1)', [expired])).length < count / 2);
    await renewal.query('COMMIT');
    await renewal.end();
    await Promise.all(sweeps);
    expect(await ids()).toEqual(new Set(renewed));
    await db.query('DELETE FROM sessions');
  },
  60_000,
);

it.each([64, 256])(
  '%d sweeps at once delete each row once, and all of them resolve',
  async (calls) => {
    await db.query(
      `INSERT INTO sessions (id, user_id, expires_at)
     SELECT 'x' || n, $1, now() + CASE WHEN n % 4 = 0 THEN interval '1 day' ELSE interval '-1 day' END
       FROM generate_series(1, 4000) n`,
      [userId],
    );
    const { fulfilled, rejected } = await race(calls, adapters, (storage) => storage.sweep({ batchSize: 50 }));
    expect(rejected).toEqual([]);
    expect(fulfilled.reduce((sum, { sessions = 0 }) => sum + sessions, 0)).toBe(3000);
    expect((await ids()).size).toBe(1000);
    await db.query('DELETE FROM sessions');
  },
  60_000,
);
