import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';

export const dynamic = 'force-dynamic';

export default async function Page() {
  const storage = new PostgresStorageAdapter(process.env.DATABASE_URL ?? '');
  const { status } = await storage.healthCheck();
  await storage.disconnect();
  return <p>{`health: ${status}`}</p>;
}
