/** A name that nobody can resolve yet, as of a server that is still being set up. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { useDatabase } from '../helpers/database';
import { runScript } from '../helpers/process';
import { record } from './helpers/record';

const db = useDatabase();
const TITLE = 'the name of the host starts to resolve later';
/** A file system of the process's own, where its /etc/hosts may be another. */
const UNSHARE = ['unshare', ...(process.getuid?.() === 0 ? [] : ['--map-root-user']), '--mount'];

const SCRIPT = `
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';

const storage = new PostgresStorageAdapter(process.env.URL, { connectionTimeoutMillis: 5_000 });
const { code, retryable } = await storage.createUser({ name: 'early' }).catch((error) => error);
appendFileSync(process.env.HOSTS, '127.0.0.1 database.test\\n');
const healed = performance.now();
while (true) {
  try {
    await storage.createUser({ name: 'late' });
    break;
  } catch {
    await sleep(5);
  }
}
console.log(JSON.stringify({ code, retryable, recoveryMs: performance.now() - healed }));
await storage.disconnect();
`;

it(TITLE, async () => {
  if (spawnSync(UNSHARE[0] as string, [...UNSHARE.slice(1), 'true']).status !== 0) {
    // A machine that forbids it has no other way to give a process names of its own.
    console.warn(`Not tried: "${TITLE}" needs ${UNSHARE.join(' ')}, which is not allowed here.`);
    await record({ title: TITLE, seen: [['not tried: unshare(1) is not allowed', 1]], recoveryMs: Number.NaN });
    return;
  }
  const directory = mkdtempSync(join(tmpdir(), 'auth-dns-'));
  const hosts = join(directory, 'hosts');
  const resolver = join(directory, 'resolv.conf');
  writeFileSync(hosts, readFileSync('/etc/hosts'));
  // Nobody answers there, and the system says so at once.
  writeFileSync(resolver, 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n');
  const url = new URL(db.url);
  url.hostname = 'database.test';
  try {
    const mounted = `mount --bind ${hosts} /etc/hosts && mount --bind ${resolver} /etc/resolv.conf && exec "$@"`;
    const { stdout, stderr } = await runScript(SCRIPT, {
      env: { URL: url.href, HOSTS: hosts },
      under: [...UNSHARE, 'sh', '-c', mounted, 'sh'],
    });
    expect(stderr).toBe('');
    const { code, retryable, recoveryMs } = JSON.parse(stdout);
    expect({ code, retryable }).toEqual({ code: 'auth_postgres/connection_failed', retryable: true });
    await record({ title: TITLE, seen: [['write: connection_failed (retryable)', 1]], recoveryMs });
    expect(await db.query('SELECT name FROM users')).toEqual([{ name: 'late' }]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
