import { type PostgresServer, startPostgres } from '../../scripts/test/postgres-server.cjs';

/** The variable with the server's URL. A developer may set it to use a server of their own, otherwise the global setup does. */
const VARIABLE = 'TEST_DATABASE_URL';

let embedded: PostgresServer | undefined;

export async function startServer(): Promise<void> {
  if (process.env[VARIABLE]) return;
  embedded = await startPostgres();
  process.env[VARIABLE] = embedded.url;
}

export async function stopServer(): Promise<void> {
  await embedded?.stop();
}

/** URL of a superuser of the test server. */
export function serverUrl(): string {
  const url = process.env[VARIABLE];
  if (!url) throw new Error(`${VARIABLE} is not set: run the tests through jest's configuration.`);
  return url;
}
