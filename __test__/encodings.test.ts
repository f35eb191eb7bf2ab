/** connect() rejects a database whose encoding is not UTF8, before it creates anything. */
import { randomBytes } from 'node:crypto';
import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { Client } from 'pg';
import { asSuperuser, urlOf } from './helpers/database';
import { expectCode } from './helpers/errors';

it.each(['LATIN1', 'SQL_ASCII', 'EUC_JP'])('connect() rejects a database in %s', async (encoding) => {
  const name = `t_encoding_${randomBytes(4).toString('hex')}`;
  await asSuperuser(async (client) => {
    const { rows } = await client.query("SELECT current_setting('server_version_num')::int >= 150000 AS has_providers");
    const provider = rows[0].has_providers ? 'LOCALE_PROVIDER libc' : '';
    await client
      .query(`CREATE DATABASE ${name} ENCODING '${encoding}' LOCALE 'C' ${provider} TEMPLATE template0`)
      .catch(
        // LOCALE came with PostgreSQL 13.
        () =>
          client.query(`CREATE DATABASE ${name} ENCODING '${encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`),
      );
  });
  const storage = new PostgresStorageAdapter(urlOf(name), { schema: 'auth' });
  try {
    const error = await expectCode(storage.connect(), 'schema_mismatch');
    expect(error.message).toContain(encoding);
    expect(error.message).toContain("ENCODING 'UTF8'");
    const client = new Client({ connectionString: urlOf(name) });
    await client.connect();
    const { rows } = await client.query("SELECT to_regnamespace('auth') IS NULL AS is_untouched");
    await client.end();
    expect(rows).toEqual([{ is_untouched: true }]);
  } finally {
    await storage.disconnect();
    await asSuperuser((client) => client.query(`DROP DATABASE ${name}`));
  }
});
