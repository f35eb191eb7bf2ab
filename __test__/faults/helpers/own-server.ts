import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { Client, Pool } from 'pg';
import { type PostgresServer, type ServerOptions, startPostgres } from '../../../scripts/test/postgres-server.cjs';
import type { AdapterOptions } from '../../helpers/database';
import type { Query } from './load';
import { newMark } from './load';
import type { Ground } from './scenario';

export const ROLE = 'app';
export const DATABASE = 'app';

export interface OwnServer extends Ground {
  server: PostgresServer;
  /** Makes the tables, as connect() does. */
  migrate(): Promise<void>;
  /** One statement of the superuser, in a connection of its own. */
  asSuperuser: Query;
}

/** Gives the test file a server of its own, and on it an ordinary role with a database. */
export function useOwnServer(options: ServerOptions = {}): OwnServer {
  const password = newMark();
  const adapters: PostgresStorageAdapter[] = [];
  let server: PostgresServer;
  let pool: Pool;

  /** The database as that role has it, or as the superuser. */
  const urlOf = (user?: string, database = DATABASE) => {
    const url = new URL(server.url);
    url.pathname = `/${database}`;
    if (user) Object.assign(url, { username: user, password });
    return url.href;
  };
  const adapter = (adapterOptions?: AdapterOptions, url = urlOf(ROLE)) => {
    const made = new PostgresStorageAdapter(url, adapterOptions);
    adapters.push(made);
    return made;
  };
  const asSuperuser: Query = async (sql, parameters) => {
    const client = new Client({ connectionString: urlOf(undefined, 'postgres') });
    await client.connect();
    try {
      return (await client.query(sql, parameters)).rows;
    } finally {
      await client.end();
    }
  };

  beforeAll(async () => {
    // The killed server must have kept what it acknowledged; that the machine goes on running is enough for that.
    const settings = { synchronous_commit: 'on', ...options.settings };
    server = await startPostgres({ ...options, settings });
    await asSuperuser(`CREATE ROLE ${ROLE} LOGIN PASSWORD '${password}'`);
    await asSuperuser(`CREATE DATABASE ${DATABASE} OWNER ${ROLE}`);
    pool = new Pool({ connectionString: urlOf(), max: 2 });
    pool.on('error', () => undefined);
    await adapter().connect();
  }, 60_000);

  afterAll(async () => {
    await Promise.all(adapters.map((each) => each.disconnect()));
    await pool?.end();
    await server?.stop();
  });

  return {
    get server() {
      return server;
    },
    get url() {
      return urlOf(ROLE);
    },
    adapter,
    asSuperuser,
    migrate: () => adapter().connect(),
    query: async (sql, parameters) => (await pool.query(sql, parameters)).rows,
  };
}

/** The adapter must open connections anew. */
export const END_BACKENDS = 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1';
