/** `npm run docs`: writes the generated parts of the documentation, the API reference and the diagrams. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import server from '../test/postgres-server.cjs';
import call from './call-diagram.cjs';
import { ROOT } from './inputs.mjs';
import diagram from './schema-diagram.cjs';
import picture from './schema-picture.cjs';
import { setup } from './setup.mjs';

const MARKED = /(?<=<!-- diagram:begin -->\n)[\s\S]*(?=<!-- diagram:end -->)/;

await setup();
await import('./reference.mjs').then(({ writeReference }) => writeReference());

const themes = /** @type {const} */ (['light', 'dark']);
for (const theme of themes) {
  writeFileSync(join(ROOT, 'docs', `call-${theme}.svg`), call.callDiagram(theme));
}

const { PostgresStorageAdapter } = await import('@kitiumai/auth-postgres');
const postgres = await server.startPostgres();
const storage = new PostgresStorageAdapter(postgres.url);
const client = new pg.Client({ connectionString: postgres.url });
try {
  await storage.connect();
  await client.connect();
  const query = async (/** @type {string} */ sql) => (await client.query(sql)).rows;
  const drawn = await diagram.diagramOf(query);
  const page = join(ROOT, 'docs', 'schema.md');
  writeFileSync(page, readFileSync(page, 'utf8').replace(MARKED, drawn));
  for (const theme of themes) {
    writeFileSync(join(ROOT, 'docs', `schema-${theme}.svg`), await picture.pictureOf(query, theme));
  }
} finally {
  await client.end();
  await storage.disconnect();
  await postgres.stop();
}
