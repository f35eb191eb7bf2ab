/** The distribution’s own PostgreSQL, an older major version than the embedded one. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { type PostgresServer, startPostgres } from '../../scripts/test/postgres-server.cjs';
import { organizationInput, roleInput, sessionInput, userInput } from '../helpers/fixtures';

const VERSIONS = '/usr/lib/postgresql';

describe.each(readdirSync(VERSIONS))('PostgreSQL %s', (version) => {
  let server: PostgresServer;
  let storage: PostgresStorageAdapter;

  beforeAll(async () => {
    server = await startPostgres({ binaries: join(VERSIONS, version, 'bin') });
    storage = new PostgresStorageAdapter(server.url);
    await storage.connect();
  });
  afterAll(async () => {
    await storage?.disconnect();
    await server?.stop();
  });

  it('stores users, sessions and roles', async () => {
    const user = await storage.createUser(userInput());
    const session = await storage.createSession(sessionInput(user.id));
    expect(await storage.getSession(session.id)).toStrictEqual(session);

    const organization = await storage.createOrganization(organizationInput());
    const role = await storage.createRole(roleInput(organization.id));
    await storage.assignRoleToUser(user.id, role.id, organization.id);
    expect(await storage.getUserRoles(user.id, organization.id)).toStrictEqual([role]);
  });

  it('rolls back every migration, and can migrate again', async () => {
    await storage.rollback({ to: null, dropData: true });
    await storage.connect();
    expect(await storage.getUser('nobody')).toBeNull();
  });
});
