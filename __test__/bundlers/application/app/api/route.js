import { InternalError, PostgresStorageAdapter } from '@kitiumai/auth-postgres';

export const dynamic = 'force-dynamic';

export async function GET() {
  const storage = new PostgresStorageAdapter(process.env.DATABASE_URL ?? '');
  const { id } = await storage.createUser({});
  const error = await storage.updateUser('nobody', { name: 'x' }).catch((caught) => caught);
  const works = (await storage.getUser(id))?.id === id && error instanceof InternalError;
  await storage.disconnect();
  return Response.json({ works });
}
