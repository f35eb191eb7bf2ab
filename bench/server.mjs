/** The server under the benchmark, and what it costs. */
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { migrate as migrateBetterAuth } from './candidates/better-auth.mjs';
import { open as openOurs } from './candidates/ours.mjs';
import { AUTHJS_SCHEMA, BETTER_AUTH_SCHEMA, fill, fillAuthjs, fillBetterAuth, SCHEMA } from './data.mjs';

const { startPostgres } = createRequire(import.meta.url)('../scripts/test/postgres-server.cjs');

/** The tests' server forgets on a power cut; this one does not. */
const DURABLE = { fsync: 'on', synchronous_commit: 'on', full_page_writes: 'on' };
/** A quarter of the memory for its cache, as PostgreSQL's manual advises. */
const SETTINGS = { shared_buffers: `${Math.floor(totalmem() / 4 / 2 ** 20)}MB`, max_wal_size: '8GB' };

/** What the kernel counts CPU time in, on every Linux that Node supports: a hundredth of a second. */
const MICROSECONDS_PER_TICK = 10_000;

export class Server {
  /** @param {string} url @param {{directory: string, stop(): Promise<void>} | undefined} embedded */
  constructor(url, embedded) {
    this.url = url;
    this.embedded = embedded;
    this.postmaster = embedded && postmasterOf(embedded.directory);
  }

  /** That of `DATABASE_URL`, or one of our own. */
  static async start() {
    if (process.env.DATABASE_URL) return new Server(process.env.DATABASE_URL, undefined);
    const embedded = await startPostgres({ settings: { ...DURABLE, ...SETTINGS } });
    return new Server(embedded.url, embedded);
  }

  /** Makes and fills the tables. @param {number} sessions @param {string[]} candidates */
  async prepare(sessions, candidates) {
    await this.drop();
    await (await openOurs({ url: this.url, max: 1 })).close();
    await this.query((client) => fill(client, sessions));
    if (candidates.includes('authjs')) await this.query(fillAuthjs);
    if (candidates.includes('better-auth')) {
      await migrateBetterAuth(this.url);
      await this.query(fillBetterAuth);
    }
    await this.query((client) => client.query('VACUUM ANALYZE'));
    await this.query((client) => client.query('CHECKPOINT'));
  }

  /** Reads the sessions and their keys into the server's cache, where it has the means. */
  async warm() {
    await this.query(async (client) => {
      const { rows } = await client.query(`SELECT FROM pg_available_extensions WHERE name = 'pg_prewarm'`);
      if (rows.length === 0) return;
      // It goes with the schema.
      await client.query(`CREATE EXTENSION IF NOT EXISTS pg_prewarm SCHEMA ${SCHEMA}`);
      await client.query(`SET search_path = ${SCHEMA}, public`);
      await client.query(
        `SELECT pg_prewarm('sessions'), (SELECT sum(pg_prewarm(indexrelid)) FROM pg_index WHERE indrelid = 'sessions'::regclass)`,
      );
    });
  }

  async drop() {
    const schemas = [SCHEMA, AUTHJS_SCHEMA, BETTER_AUTH_SCHEMA].join(', ');
    await this.query((client) => client.query(`DROP SCHEMA IF EXISTS ${schemas} CASCADE`));
  }

  /** @template T @param {(client: pg.Client) => Promise<T>} work */
  async query(work) {
    const client = new pg.Client({ connectionString: this.url });
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  }

  async version() {
    const { rows } = await this.query((client) => client.query('SHOW server_version'));
    return rows[0].server_version;
  }

  /**
   * CPU time of the server and all that it has started, in microseconds; `undefined` where it cannot be known.
   */
  cpu() {
    if (this.postmaster === undefined || process.platform !== 'linux') return undefined;
    let ticks = 0;
    for (const name of readdirSync('/proc')) {
      if (!/^\d+$/.test(name)) continue;
      const stat = statOf(Number(name));
      if (stat === undefined) continue;
      if (stat.parent === this.postmaster) ticks += stat.own;
      if (Number(name) === this.postmaster) ticks += stat.own + stat.ofEnded;
    }
    return ticks * MICROSECONDS_PER_TICK;
  }

  async stop() {
    await this.drop();
    await this.embedded?.stop();
  }
}

/** @param {string} directory */
function postmasterOf(directory) {
  return Number(readFileSync(join(directory, 'data', 'postmaster.pid'), 'utf8').split('\n')[0]);
}

/** @param {number} pid */
function statOf(pid) {
  try {
    // The second field, the name in parentheses, may hold anything.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ').map(Number) ?? [];
    const [, parent] = fields;
    const [own, system, ended, endedSystem] = fields.slice(11, 15);
    return { parent, own: (own ?? 0) + (system ?? 0), ofEnded: (ended ?? 0) + (endedSystem ?? 0) };
  } catch {
    return undefined;
  }
}
