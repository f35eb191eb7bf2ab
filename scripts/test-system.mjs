/** `npm run test:system`: the tests that need programs which npm cannot bring. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter } from 'node:path';
import { runJest } from './run-jest.mjs';
import { setup } from './setup.mjs';

// Debian keeps PgBouncer where an ordinary user's PATH does not lead.
process.env.PATH += `${delimiter}/usr/sbin`;

const missing = [
  ...(spawnSync('pgbouncer', ['--version']).error ? ['pgbouncer'] : []),
  ...(existsSync('/usr/lib/postgresql') ? [] : ['postgresql']),
];
if (missing.length > 0) {
  const names = missing.join(' and ');
  console.error(`test:system: missing ${names}; on Debian or Ubuntu: apt-get install ${missing.join(' ')}`);
  process.exit(1);
}

setup();
process.exitCode = runJest('system', ['--config', '__test__/system/jest.config.js', ...process.argv.slice(2)]) ? 0 : 1;
