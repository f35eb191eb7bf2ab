/** Loaded before each snippet of the documentation: what the pages say is there. */
import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';

const url = process.env.DATABASE_URL ?? '';
const storage = new PostgresStorageAdapter(url);
await storage.connect();
const user = await storage.createUser({ email: 'user@example.com' });
const organization = await storage.createOrganization({
  ...{ name: 'Example', plan: 'team', seats: 5 },
  members: [{ userId: user.id, role: 'owner', joinedAt: new Date() }],
});
const session = await storage.createSession({ userId: user.id, expiresAt: new Date(Date.now() + 3_600_000) });
const app = { use: () => undefined };
Object.assign(globalThis, { url, PostgresStorageAdapter, storage, user, organization, session, app });
