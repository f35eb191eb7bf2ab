/**
 * Proves a built artifact on the machine that it is for: `node scripts/release/test-artifact.mjs linux-x64-musl`.
 *
 * Packs it, lays the packages into an empty project and runs a small application there, on the database of
 * DATABASE_URL or on an embedded server. Needs nothing but Node, so that it runs in any container. With `--load-only`
 * there is no database: the addon loads, makes an adapter, and fails to connect as it should.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../build/inputs.mjs';
import { pack, unpackInto } from './pack.mjs';

const [platform = '', ...flags] = process.argv.slice(2);
const isLoadOnly = flags.includes('--load-only');
const project = mkdtempSync(join(tmpdir(), 'auth-postgres-artifact-'));
const { url, stop } = await database();
try {
  cpSync(join(ROOT, '__test__', 'runtimes', 'application'), project, { recursive: true });
  const binary = join(ROOT, 'npm', platform, `auth-postgres.${platform}.node`);
  unpackInto(Object.values(pack(binary, platform, join(project, 'packed'))), project);
  for (const script of isLoadOnly ? ['load.cjs'] : ['smoke.cjs', 'smoke.mjs', 'workers.cjs']) {
    console.log(script);
    const env = { ...process.env, DATABASE_URL: url };
    const { status } = spawnSync(process.execPath, [script], { cwd: project, env, stdio: 'inherit' });
    if (status !== 0) process.exitCode = 1;
  }
} finally {
  rmSync(project, { recursive: true, force: true });
  await stop();
}

async function database() {
  if (isLoadOnly) return { url: '', stop: async () => undefined };
  if (process.env.DATABASE_URL) return { url: process.env.DATABASE_URL, stop: async () => undefined };
  const { startPostgres } = (await import('../test/postgres-server.cjs')).default;
  return startPostgres();
}
