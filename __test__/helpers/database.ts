import { randomBytes } from 'node:crypto';
import { basename } from 'node:path';
import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { Client, Pool } from 'pg';
import { serverUrl } from './server';

export type AdapterOptions = ConstructorParameters<typeof PostgresStorageAdapter>[1];

export interface TestDatabase {
  readonly name: string;
  readonly url: string;
  /** An adapter with default options, connected unless `migrated: false` was asked for. */
  readonly storage: PostgresStorageAdapter;
  /** Makes a further adapter, which is not connected yet. It is disconnected after the last test of the file. */
  adapter(options?: AdapterOptions, url?: string): PostgresStorageAdapter;
  /** Runs a statement of the test's own, without the adapter. */
  // biome-ignore lint/suspicious/noExplicitAny: a row has the columns that the test has asked for
  query<Row extends object = any>(sql: string, parameters?: unknown[]): Promise<Row[]>;
}

/**
 * Gives the test file (or the `describe` block) a database of its own; call it at the top level.
 * With `migrated: false` the database stays empty and `storage` unconnected.
 */
export function useDatabase({ migrated = true } = {}): TestDatabase {
  const name = uniqueName();
  const url = urlOf(name);
  const adapters: PostgresStorageAdapter[] = [];
  let pool: Pool;
  let storage: PostgresStorageAdapter;

  const adapter = (options?: AdapterOptions, to = url) => {
    const made = new PostgresStorageAdapter(to, options);
    adapters.push(made);
    return made;
  };

  beforeAll(async () => {
    await asSuperuser((client) => client.query(`CREATE DATABASE ${name}`));
    pool = new Pool({ connectionString: url, max: 4 });
    // A test may end the pool's idle connections on the server.
    pool.on('error', () => undefined);
    storage = adapter();
    if (migrated) await storage.connect();
  });

  afterAll(async () => {
    await Promise.all(adapters.map((each) => each.disconnect()));
    await pool?.end();
    await dropDatabase(name);
  });

  return {
    name,
    url,
    get storage() {
      return storage;
    },
    adapter,
    query: async (sql, parameters) => (await pool.query(sql, parameters)).rows,
  };
}

/** Runs something with a connection to the server's own database. */
export async function asSuperuser<T>(work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: serverUrl() });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** The server's URL, with another database. */
export function urlOf(database: string): string {
  const url = new URL(serverUrl());
  url.pathname = `/${database}`;
  return url.href;
}

function uniqueName(): string {
  const file = basename(expect.getState().testPath ?? 'test', '.test.ts').replace(/\W+/g, '_');
  return `t_${file.toLowerCase()}_${randomBytes(4).toString('hex')}`;
}

async function dropDatabase(name: string): Promise<void> {
  await asSuperuser(async (client) => {
    // DROP DATABASE … WITH (FORCE) came with PostgreSQL 13; this does the same from 12 on.
    await client.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name]);
    await client.query(`DROP DATABASE IF EXISTS ${name}`);
  });
}
