/**
 * Runs an example with a database: `node ../with-server.mjs ARGUMENTS` is `node ARGUMENTS` with DATABASE_URL set. Unless it
 * is set already, an embedded PostgreSQL is started, and gone with all its data when the example ends.
 */
import { spawn } from 'node:child_process';
import { startPostgres } from '../scripts/test/postgres-server.cjs';

const { DATABASE_URL } = process.env;
const server = DATABASE_URL ? undefined : await startPostgres();
const child = spawn(process.execPath, process.argv.slice(2), {
  stdio: 'inherit',
  env: { ...process.env, DATABASE_URL: DATABASE_URL ?? server?.url },
});
// Ctrl-C reaches the example as well, which ends in its own time. Only a signal to this process alone has to be passed on.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => child.kill('SIGTERM'));
const code = await new Promise((resolve) => child.once('exit', resolve));
await server?.stop();
process.exitCode = code ?? 1;
