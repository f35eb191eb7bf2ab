/** Concurrent calls wait for each other, whatever isolation level is the database’s default. */
import { asSuperuser, useDatabase } from './helpers/database';
import { organizationInput } from './helpers/fixtures';

describe.each(['repeatable read', 'serializable'])('with default_transaction_isolation = %s', (level) => {
  const db = useDatabase({ migrated: false });

  it.each(['none', 'transaction'] as const)('updates of one row all succeed (pooler: %s)', async (pooler) => {
    await asSuperuser((client) =>
      client.query(`ALTER DATABASE ${db.name} SET default_transaction_isolation = '${level}'`),
    );
    const storage = db.adapter({ pooler, maxRetries: 0 });
    await storage.connect();
    const { id } = await storage.createUser({});
    const team = await storage.createOrganization(organizationInput());
    const many = Array.from({ length: 60 }, (_, at) => at);
    await Promise.all(many.map((at) => storage.updateUser(id, { name: `${at}` })));
    await Promise.all(many.map((at) => storage.updateOrganization(team.id, { name: `${at}` })));
    await Promise.all(many.map((at) => storage.createBackupCodes(id, [`${at}`])));
    await expect(storage.getBackupCodes(id)).resolves.toHaveLength(1);
  });
});
