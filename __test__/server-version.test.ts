/** The suite runs on the version of PostgreSQL that was asked for. */
import { MAJORS } from '../scripts/test/postgres-versions.cjs';
import { useDatabase } from './helpers/database';

const db = useDatabase();

it('the tests run on the version of PostgreSQL that TEST_POSTGRES_VERSION names', async () => {
  const [{ server_version: running }] = await db.query('SHOW server_version');
  const asked = process.env.TEST_POSTGRES_VERSION;
  if (asked) expect(running.split('.')[0]).toBe(asked);
  expect(MAJORS).toContain(running.split('.')[0]);
});

it('healthCheck() reports the version of the server', async () => {
  const [{ server_version: running }] = await db.query('SHOW server_version');
  expect((await db.storage.healthCheck()).serverVersion).toBe(running);
});
