/**
 * `npm test`: everything that needs nothing but Node, Rust and a C compiler.
 * `npm test -- sessions` runs jest alone, with those arguments.
 */
import { spawnSync } from 'node:child_process';
import { ROOT } from './inputs.mjs';
import { runJest } from './run-jest.mjs';
import { setup } from './setup.mjs';

const args = process.argv.slice(2);

setup();
let passed = runJest('jest', args);
if (args.length === 0) {
  console.log('\nRust unit tests');
  const locked = process.env.CI ? ['--locked'] : [];
  const { status } = spawnSync('cargo', ['test', '--quiet', ...locked], { cwd: ROOT, stdio: 'inherit' });
  passed &&= status === 0;
  console.log('\nLeft out: "npm run test:system", whose programs (PgBouncer, another PostgreSQL) npm cannot install.');
}
process.exitCode = passed ? 0 : 1;
