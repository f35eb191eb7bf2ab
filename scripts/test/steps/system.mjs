/** `npm run test:system`: the tests that need programs which npm cannot bring. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter } from 'node:path';

/** @param {string[]} given */
export function prepare(given) {
  // Debian keeps PgBouncer where an ordinary user's PATH does not lead.
  process.env.PATH += `${delimiter}/usr/sbin`;
  const missing = [
    ...(spawnSync('pgbouncer', ['--version']).error ? ['pgbouncer'] : []),
    ...(existsSync('/usr/lib/postgresql') ? [] : ['postgresql']),
  ];
  if (missing.length === 0) return given;
  const names = missing.join(' and ');
  console.error(`test:system: missing ${names}; on Debian or Ubuntu: apt-get install ${missing.join(' ')}`);
  process.exit(1);
}
