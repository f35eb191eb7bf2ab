import { InternalError, type PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import type { FastifyBaseLogger } from 'fastify';
import { SCOPES } from './scopes.ts';

/** In an empty database: a user, an organization of theirs, and a key that may do everything. It is shown this once. */
export async function makeFirstKey(storage: PostgresStorageAdapter, log: FastifyBaseLogger): Promise<void> {
  const { items } = await storage.listUsers({ limit: 1 });
  if (items.length > 0) return;
  try {
    const made = await storage.transaction(async (tx) => {
      const user = await tx.createUser({ email: 'ada@example.com', name: 'Ada' });
      const organization = await tx.createOrganization({
        ...{ name: 'Analytical Engines', plan: 'team', seats: 5 },
        members: [{ userId: user.id, role: 'owner', joinedAt: new Date() }],
      });
      const { key } = await tx.createApiKeyWithSecret(user.id, [...SCOPES], 'example');
      return { key, orgId: organization.id };
    });
    process.stdout.write(`The first key, which is shown only now: ${made.key}\nIts organization: ${made.orgId}\n`);
  } catch (error) {
    // Another process, started at the same moment, was first.
    if (!(error instanceof InternalError) || error.code !== 'auth_postgres/conflict') throw error;
    log.info('another process has made the first key');
  }
}
