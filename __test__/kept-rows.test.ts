/**
 * A trigger of the application's may keep a row as it is without an error, as may a policy that shows a row and lets nobody
 * change it. What goes again until the row has changed ends all the same.
 */
import { useDatabase } from './helpers/database';
import { expectCode } from './helpers/errors';
import { makeScene, type Scene } from './helpers/every-method';
import { inMs } from './helpers/fixtures';

const db = useDatabase();
let scene: Scene;

const TABLES = ['users', 'organizations', 'roles', 'sso_providers', 'sessions', 'api_keys'];

beforeAll(async () => {
  scene = await makeScene(db.storage);
  await db.query(`CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`);
  for (const table of TABLES) {
    await db.query(
      `CREATE TRIGGER keep BEFORE INSERT OR UPDATE OR DELETE ON ${table} FOR EACH ROW EXECUTE FUNCTION keep()`,
    );
  }
});

const rows = async () => {
  const counts = TABLES.map((table) => `(SELECT count(*)::int FROM ${table}) AS ${table}`);
  return (await db.query(`SELECT ${counts.join(', ')}`))[0];
};

it.each<[string, () => Promise<unknown>]>([
  ['deleteUser', () => db.storage.deleteUser(scene.userId)],
  ['eraseUser', () => db.storage.eraseUser(scene.userId, { events: 'delete' })],
  ['deleteOrganization', () => db.storage.deleteOrganization(scene.orgId)],
  ['deleteRole', () => db.storage.deleteRole(scene.roleId)],
  ['deleteSSOProvider', () => db.storage.deleteSSOProvider(scene.providerId)],
  ['rotateApiKey', () => db.storage.rotateApiKey(scene.apiKeyId)],
  ['getSessionContext', () => db.storage.getSessionContext(scene.sessionId, { extendTo: inMs(7_200_000) })],
])('%s rejects when the row is kept as it is', async (_, call) => {
  const before = await rows();
  await expectCode(call(), 'query_failed');
  expect(await rows()).toEqual(before);
});

it('64 calls of getSessionContext for a session that is kept as it is reject, and others beside them resolve', async () => {
  const calls = Array.from({ length: 64 }, (_, at) =>
    db.storage.getSessionContext(scene.sessionId, { extendTo: inMs(at % 2 === 0 ? 7_200_000 + at : -1) }),
  );
  const outcomes = await Promise.allSettled(calls);
  for (const [at, { status }] of outcomes.entries()) expect(status).toBe(at % 2 === 0 ? 'rejected' : 'fulfilled');
}, 30_000);
