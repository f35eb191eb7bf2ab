/** The server of the demo: an embedded one, or with DATABASE_URL a schema of its own in that database. */
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import colors from 'picocolors';
import { startPostgres } from '../../scripts/test/postgres-server.cjs';
import { say } from './output.mjs';

export async function findServer() {
  const url = process.env.DATABASE_URL;
  if (!url) {
    say(`Starting an embedded PostgreSQL; set ${colors.bold('DATABASE_URL')} to use a server of yours.`);
    const embedded = await startPostgres();
    return { url: embedded.url, options: {}, cleanUp: embedded.stop };
  }
  const schema = `auth_postgres_demo_${randomBytes(4).toString('hex')}`;
  say(`Using DATABASE_URL, in a schema that the demo makes and drops: ${schema}.`);
  return { url, options: { schema }, cleanUp: () => dropSchema(url, schema) };
}

/**
 * @param {string} url
 * @param {string} schema
 */
async function dropSchema(url, schema) {
  const client = new pg.Client({ connectionString: url });
  try {
    await client.connect();
    await client.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
  } catch (error) {
    // What has ended the demo early matters more.
    say(`The schema ${schema} could not be dropped: ${error instanceof Error ? error.message : error}`);
  } finally {
    await client.end();
  }
}
