/** Migrations, take-over and rollback under settings that a role or database may have, by several adapters at once. */
import { Client } from 'pg';
import { CATALOGUE } from './helpers/catalogue';
import { asSuperuser, type TestDatabase, useDatabase } from './helpers/database';
import { dump, makeLegacy } from './helpers/legacy-rows';
import { MIGRATIONS } from './helpers/migrations';

const DEFAULTS: [name: string, setting: string][] = [
  ['repeatable read', `default_transaction_isolation = 'repeatable read'`],
  ['serializable', `default_transaction_isolation = 'serializable'`],
  ['default_transaction_read_only', 'default_transaction_read_only = on'],
  ['default_transaction_deferrable', 'default_transaction_deferrable = on'],
  ['synchronous_commit off', 'synchronous_commit = off'],
  ['a short statement_timeout', `statement_timeout = '50ms'`],
  ['a short lock_timeout', `lock_timeout = '1ms'`],
  ['row_security off', 'row_security = off'],
  ['triggers switched off', 'session_replication_role = replica'],
  ['quote_all_identifiers', 'quote_all_identifiers = on'],
  ['standard_conforming_strings off', 'standard_conforming_strings = off'],
  ['pg_catalog last in the search_path', 'search_path = public, pg_catalog'],
];

const fresh = useDatabase();

/** Connections of other processes would do nothing else: what they share is on the server. */
async function connectAtOnce(db: TestDatabase, count: number) {
  const storages = Array.from({ length: count }, () => db.adapter());
  await Promise.all(storages.map((storage) => storage.connect()));
  for (const storage of storages) {
    await expect(storage.healthCheck()).resolves.toMatchObject({ status: 'ok', pendingMigrations: [] });
    await storage.disconnect();
  }
}

const setDefault = (db: TestDatabase, setting: string) =>
  asSuperuser((client) => client.query(`ALTER DATABASE ${db.name} SET ${setting}`));

describe.each(DEFAULTS)('with %s as the database’s default', (_, setting) => {
  // What the level of isolation decides is decided between transactions that run at once.
  const adapters = setting.includes('isolation') ? 8 : 2;

  const empty = useDatabase({ migrated: false });
  const old = useDatabase({ migrated: false });

  it('several adapters migrate an empty database at once', async () => {
    await setDefault(empty, setting);
    await connectAtOnce(empty, adapters);
    expect(await fresh.query(CATALOGUE)).toEqual(await readIn(empty, CATALOGUE));
  }, 60_000);

  it('several adapters take over a 3.0.x database at once, and a rollback restores it', async () => {
    await makeLegacy(old, '3.0.x');
    const before = { catalogue: await readIn(old, CATALOGUE), users: (await dump(old)).users?.length };
    await setDefault(old, setting);
    await connectAtOnce(old, adapters);
    expect(await readIn(old, CATALOGUE)).toEqual(await fresh.query(CATALOGUE));
    const storage = old.adapter();
    await expect(storage.rollback({ to: null })).resolves.toHaveLength(MIGRATIONS.length);
    expect({ catalogue: await readIn(old, CATALOGUE), users: (await dump(old)).users?.length }).toEqual(before);
  }, 60_000);
});

/** Reads as if the database had no defaults of its own. */
async function readIn(db: TestDatabase, sql: string): Promise<unknown[]> {
  const client = new Client({
    connectionString: db.url,
    options: '-c quote_all_identifiers=off -c search_path=public -c statement_timeout=0',
  });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

describe.each(['repeatable read', 'serializable'])(
  'rows written during a migration, with %s as the default isolation level,',
  (level) => {
    const db = useDatabase({ migrated: false });

    /** As the old application: one row after the other, until its table is another one. */
    async function write(client: Client, committed: string[], sql: string, name: string): Promise<void> {
      for (let n = 0; ; n += 1) {
        const id = `${name}-${n}`;
        try {
          await client.query(sql, [id]);
        } catch {
          return;
        }
        committed.push(id);
      }
    }

    async function whileWriting(sql: string, work: () => Promise<unknown>): Promise<string[]> {
      const committed: string[] = [];
      const clients = await Promise.all(
        Array.from({ length: 4 }, async () => {
          const client = new Client({
            connectionString: db.url,
            options: '-c search_path=public -c statement_timeout=20s',
          });
          await client.connect();
          return client;
        }),
      );
      const tag = Math.random().toString(36).slice(2);
      const writing = clients.map((client, at) => write(client, committed, sql, `${tag}-${at}`));
      await new Promise((resolve) => setTimeout(resolve, 150));
      await work();
      // A write that still waits for the table either fails, because it is another table now, or is done and then ends.
      await new Promise((resolve) => setTimeout(resolve, 100));
      await Promise.all(clients.map((client) => client.end()));
      await Promise.all(writing);
      return committed;
    }

    const missing = async (ids: string[]) => {
      const rows = await db.query<{ id: string }>('SELECT id FROM users WHERE id = ANY($1)', [ids]);
      return ids.length - rows.length;
    };

    it('are kept by a take-over and by its rollback', async () => {
      await makeLegacy(db, '3.0.x');
      await setDefault(db, `default_transaction_isolation = '${level}'`);
      // The caller's options are nearer than our own defaults.
      const options = `-c default_transaction_isolation=${level.replace(' ', '\\ ')}`;
      const adapter = () => db.adapter({ options });
      const insert = 'INSERT INTO users (id) VALUES ($1)';
      const before = await whileWriting(insert, () => adapter().connect());
      expect(before.length).toBeGreaterThan(20);
      expect(await missing(before)).toBe(0);
      const after = await whileWriting(insert, () => adapter().rollback({ to: null }));
      expect(after.length).toBeGreaterThan(20);
      expect(await missing(after)).toBe(0);
    }, 60_000);
  },
);
