import { InternalError, PostgresStorageAdapter } from '@kitiumai/auth-postgres';

async function main() {
  const storage = new PostgresStorageAdapter(process.env.DATABASE_URL ?? '');
  const { id } = await storage.createUser({});
  const error = await storage.updateUser('nobody', { name: 'x' }).catch((/** @type {unknown} */ caught) => caught);
  if ((await storage.getUser(id))?.id !== id || !(error instanceof InternalError)) throw new Error('It does not work.');
  await storage.disconnect();
  console.log('works');
}

main().catch((error) => {
  console.log(error.message);
  process.exitCode = 1;
});
