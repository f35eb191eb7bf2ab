import { startServer } from './server';

export default async function globalSetup(): Promise<void> {
  // Both the addon and node-postgres fill in from these what a URL leaves out. Workers inherit our
  // environment, so it is cleared here: a change of `process.env` inside a test file is jest's copy.
  for (const name of Object.keys(process.env)) {
    if (name.startsWith('PG')) delete process.env[name];
  }
  await startServer();
}
