/** `ifUpdatedAt`: an update takes effect only if the record is still the one that was read. */
import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { Client } from 'pg';
import { useDatabase } from './helpers/database';
import { expectCode, expectInvalidInput } from './helpers/errors';
import { until, whileLocked } from './helpers/failing';
import { FAMILIES, type Family, makeWorld, type World } from './helpers/families';
import { inAnHour, sessionInput, tenantSamlInput, unique, userInput } from './helpers/fixtures';
import { race } from './helpers/race';

const db = useDatabase();
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

let world: World;
let storages: PostgresStorageAdapter[];
beforeAll(async () => {
  world = await makeWorld(db.storage);
  storages = [db.storage, db.adapter({ max: 4 }), db.adapter({ max: 4, pooler: 'transaction' })];
});

/** Tenants' configurations, in the form of a family. */
const tenants: Family = {
  name: 'tenant SAML configuration',
  table: 'tenant_saml_configs',
  input: () => tenantSamlInput(),
  required: [],
  references: [],
  create: async (storage, input) => {
    await storage.storeTenantSAMLConfig(input);
    return tenants.get(storage, input.tenantId);
  },
  get: async (storage, id) => {
    const record = await storage.getTenantSAMLConfigRecord(id);
    return record && { id: record.tenantId, name: record.config.name, updatedAt: record.updatedAt };
  },
  update: async (storage, id, patch, options) => {
    await storage.updateTenantSAMLConfig(id, patch, options);
    return tenants.get(storage, id);
  },
  remove: (storage, id) => storage.deleteTenantSAMLConfig(id),
};

/** Every family with an update, and two changes of its records. */
const CASES = [...FAMILIES.filter(({ update }) => update), tenants].map((family) => {
  const field = { session: 'plan', 'API key': 'prefix' }[family.name] ?? 'name';
  return { ...family, field, update: family.update as NonNullable<Family['update']> };
});

describe.each(CASES)('update with ifUpdatedAt: $name', ({ field, ...family }) => {
  const create = () => family.create(db.storage, family.input(world));

  it('changes a record that is as it was read, and rejects with conflict once it has been changed', async () => {
    const read = await create();
    const changed = await family.update(db.storage, read.id, { [field]: 'first' }, { ifUpdatedAt: read.updatedAt });
    expect(changed[field]).toBe('first');
    expect(changed.updatedAt.getTime()).toBeGreaterThan(read.updatedAt.getTime());
    const late = family.update(db.storage, read.id, { [field]: 'late' }, { ifUpdatedAt: read.updatedAt });
    await expectCode(late, 'conflict', { field: 'updatedAt' });
    await expect(family.get(db.storage, read.id)).resolves.toStrictEqual(changed);
    const text = { ifUpdatedAt: changed.updatedAt.toISOString() };
    expect((await family.update(db.storage, read.id, { [field]: 'second' }, text))[field]).toBe('second');
  });

  it('checks a patch that changes nothing as well', async () => {
    const read = await create();
    const changed = await family.update(db.storage, read.id, { [field]: 'changed' });
    for (const patch of [{}, { [field]: undefined }, { [field]: 'changed' }]) {
      const stale = family.update(db.storage, read.id, patch, { ifUpdatedAt: read.updatedAt });
      await expectCode(stale, 'conflict', { field: 'updatedAt' });
      const current = family.update(db.storage, read.id, patch, { ifUpdatedAt: changed.updatedAt });
      await expect(current).resolves.toStrictEqual(changed);
    }
  });

  it('rejects with not_found if the record does not exist, or has been deleted', async () => {
    const read = await create();
    await family.remove?.(db.storage, read.id);
    for (const id of [read.id, unique('none')]) {
      for (const patch of [{ [field]: 'x' }, {}]) {
        await expectCode(family.update(db.storage, id, patch, { ifUpdatedAt: read.updatedAt }), 'not_found');
      }
    }
  });

  it('takes null and undefined for none, and refuses what is no time and options that it does not know', async () => {
    const { id } = await create();
    for (const ifUpdatedAt of [null, undefined]) {
      await family.update(db.storage, id, { [field]: `${ifUpdatedAt}` }, { ifUpdatedAt });
    }
    const before = await family.get(db.storage, id);
    for (const ifUpdatedAt of [new Date(Number.NaN), 'soon', 0, true, {}]) {
      await expectInvalidInput(family.update(db.storage, id, { [field]: 'x' }, { ifUpdatedAt }), 'ifUpdatedAt');
    }
    await expectInvalidInput(family.update(db.storage, id, { [field]: 'x' }, { ifUpdatedat: null }), 'ifUpdatedat');
    await expectInvalidInput(family.update(db.storage, id, {}, { limit: 1 }), 'limit');
    await expectInvalidInput(family.update(db.storage, id, {}, 'now'), 'options');
    await expect(family.get(db.storage, id)).resolves.toStrictEqual(before);
  });

  it.each([64, 256])('lets one of %i calls win that all have read the same', async (calls) => {
    const read = await create();
    const { fulfilled, rejected } = await race(calls, storages, (storage, at) =>
      family.update(storage, read.id, { [field]: `${at}` }, { ifUpdatedAt: read.updatedAt }),
    );
    expect(fulfilled).toHaveLength(1);
    expect(new Set(rejected.map(({ code, context }) => `${code} ${context.field}`))).toEqual(
      new Set(['auth_postgres/conflict updatedAt']),
    );
    await expect(family.get(db.storage, read.id)).resolves.toStrictEqual(fulfilled[0]);
  });

  it('decides by what it finds after it has waited for a lock', async () => {
    const key = family.table === tenants.table ? 'tenant_id' : 'id';
    const [kept, changed, deleted] = await Promise.all([create(), create(), create()]);
    const column = key === 'id' ? 'metadata' : 'config';
    const client = new Client({ connectionString: db.url });
    await client.connect();
    try {
      await client.query('BEGIN');
      await client.query(`SELECT FROM ${family.table} WHERE ${key} = $1 FOR UPDATE`, [kept.id]);
      await client.query(`UPDATE ${family.table} SET ${column} = '{"by": "others"}' WHERE ${key} = $1`, [changed.id]);
      await client.query(`DELETE FROM ${family.table} WHERE ${key} = $1`, [deleted.id]);
      const storage = db.adapter({ application_name: 'waits' });
      const calls = [kept, changed, deleted].map(({ id, updatedAt }) =>
        family.update(storage, id, { [field]: 'mine' }, { ifUpdatedAt: updatedAt }),
      );
      const ended = Promise.allSettled(calls);
      await until(async () => (await waiting('waits')) === 3);
      await client.query('COMMIT');
      await ended;
      await expect(calls[0]).resolves.toMatchObject({ [field]: 'mine' });
      await expectCode(calls[1] as Promise<unknown>, 'conflict', { field: 'updatedAt' });
      await expectCode(calls[2] as Promise<unknown>, 'not_found');
    } finally {
      await client.end();
    }
  });
});

async function waiting(name: string): Promise<number> {
  const [row] = await db.query(
    `SELECT count(*)::int AS n FROM pg_stat_activity
      WHERE application_name = $1 AND datname = current_database() AND wait_event_type = 'Lock'`,
    [name],
  );
  return row.n;
}

it('64 callers who read, change and try again after a conflict lose no change', async () => {
  const { id } = await db.storage.createUser(userInput({ entitlements: [] }));
  const add = async (storage: PostgresStorageAdapter, entitlement: string): Promise<void> => {
    for (;;) {
      const { entitlements, updatedAt } = (await storage.getUser(id)) as { entitlements: string[]; updatedAt: Date };
      const patch = { entitlements: [...entitlements, entitlement] };
      const edit = await storage.updateUser(id, patch, { ifUpdatedAt: updatedAt }).catch((error) => error);
      if (edit.code === undefined) return;
      expect(edit.code).toBe('auth_postgres/conflict');
    }
  };
  const { rejected } = await race(64, storages, (storage, at) => add(storage, `${at}`));
  expect(rejected).toEqual([]);
  const user = await db.storage.getUser(id);
  expect([...(user?.entitlements ?? [])].sort()).toEqual(numbers(64).map(String).sort());
}, 30_000);

describe('updateSession with ifUpdatedAt, among others in one statement', () => {
  const newSessions = (count: number) =>
    Promise.all(numbers(count).map(() => db.storage.createSession(sessionInput(world.userId))));

  it('rejects the stale calls alone', async () => {
    const sessions = await newSessions(300);
    const stale = new Set(numbers(20).map((at) => 7 + at * 13));
    await Promise.all([...stale].map((at) => db.storage.updateSession(sessions[at]?.id as string, { plan: 'theirs' })));
    const results = await Promise.allSettled(
      sessions.map(({ id, updatedAt }) => db.storage.updateSession(id, { plan: 'mine' }, { ifUpdatedAt: updatedAt })),
    );
    const rejected = results.flatMap(({ status }, at) => (status === 'rejected' ? [at] : []));
    expect(rejected).toEqual([...stale]);
    for (const [at, { id }] of sessions.entries()) {
      expect((await db.storage.getSession(id))?.plan).toBe(stale.has(at) ? 'theirs' : 'mine');
    }
  });

  it('lets the calls for one session take effect in their order', async () => {
    const [{ id, updatedAt }, ...others] = (await newSessions(65)) as [Session, ...Session[]];
    const calls = numbers(64).flatMap((at) => [
      db.storage.updateSession(id, { plan: `${at}` }, { ifUpdatedAt: updatedAt }),
      db.storage.updateSession(others[at]?.id as string, { expiresAt: inAnHour() }),
    ]);
    const results = await Promise.allSettled(calls);
    expect(results.slice(0, 1)).toMatchObject([{ status: 'fulfilled', value: { plan: '0' } }]);
    const statuses = results.map(({ status }) => status);
    expect(statuses).toEqual(numbers(128).map((at) => (at === 0 || at % 2 === 1 ? 'fulfilled' : 'rejected')));
  });

  it('takes effect after the lock that others hold on the session is released', async () => {
    const [locked, ...others] = (await newSessions(65)) as [Session, ...Session[]];
    await whileLocked(db, 'SELECT FROM sessions WHERE id = $1 FOR UPDATE', [locked.id], async (release) => {
      const held = race(64, (at) =>
        db.storage.updateSession(locked.id, { plan: `${at}` }, { ifUpdatedAt: locked.updatedAt }),
      );
      const { rejected } = await race(64, (at) => {
        const { id, updatedAt } = others[at] as Session;
        return db.storage.updateSession(id, { plan: 'x' }, { ifUpdatedAt: updatedAt, timeoutMs: 5_000 });
      });
      expect(rejected).toEqual([]);
      await release();
      expect((await held).fulfilled).toMatchObject([{ plan: '0' }]);
      expect((await held).rejected).toHaveLength(63);
    });
  });

  it('does not find a session that has expired', async () => {
    const [{ id, updatedAt }] = (await newSessions(1)) as [Session];
    await db.query(`UPDATE sessions SET expires_at = now() - interval '1 minute' WHERE id = $1`, [id]);
    for (const patch of [{ plan: 'x' }, {}]) {
      await expectCode(db.storage.updateSession(id, patch, { ifUpdatedAt: updatedAt }), 'not_found');
    }
  });

  it.each([1, 64, 256])('does not find one that expires while it waits for its lock: %i calls', async (count) => {
    const [expiring, ...others] = (await newSessions(count)) as [Session, ...Session[]];
    const expire = `UPDATE sessions SET expires_at = now() - interval '1 minute' WHERE id = $1`;
    const client = new Client({ connectionString: db.url });
    await client.connect();
    try {
      await client.query('BEGIN');
      await client.query(expire, [expiring.id]);
      const storage = db.adapter({ application_name: 'expires' });
      const calls = [expiring, ...others].map(({ id, updatedAt }) =>
        storage.updateSession(id, { plan: 'mine' }, { ifUpdatedAt: updatedAt }),
      );
      const ended = Promise.allSettled(calls);
      await until(async () => (await waiting('expires')) === 1);
      await client.query('COMMIT');
      const statuses = (await ended).map(({ status }) => status);
      expect(statuses).toEqual(['rejected', ...others.map(() => 'fulfilled')]);
      await expectCode(calls[0] as Promise<unknown>, 'not_found');
    } finally {
      await client.end();
    }
  });
});

type Session = Awaited<ReturnType<PostgresStorageAdapter['createSession']>>;

it('a change that breaks a rule of the record is reported only if the record is still the one that was read', async () => {
  const provider = FAMILIES.find(({ name }) => name === 'OIDC provider') as Family;
  const device = FAMILIES.find(({ name }) => name === 'TOTP device') as Family;
  for (const { family, patch, field } of [
    { family: provider, patch: { client_id: null }, field: 'client_id' },
    { family: device, patch: { secret: null }, field: 'secret' },
  ]) {
    const update = family.update as NonNullable<Family['update']>;
    const read = await family.create(db.storage, family.input(world));
    await expectInvalidInput(update(db.storage, read.id, patch, { ifUpdatedAt: read.updatedAt }), field);
    await update(db.storage, read.id, { name: 'changed' });
    const late = update(db.storage, read.id, patch, { ifUpdatedAt: read.updatedAt });
    await expectCode(late, 'conflict', { field: 'updatedAt' });
    await expectInvalidInput(update(db.storage, read.id, patch), field);
    await expectCode(update(db.storage, unique('none'), patch), 'not_found');
  }
});

it('updateTenantSAMLConfig has no option mergeMetadata, since it merges the whole configuration', async () => {
  const { id: tenantId } = await tenants.create(db.storage, tenants.input(world));
  const refused = db.storage.updateTenantSAMLConfig(tenantId, {}, { mergeMetadata: true } as never);
  await expectInvalidInput(refused, 'mergeMetadata');
});
