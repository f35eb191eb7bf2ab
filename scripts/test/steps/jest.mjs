/** `npm test`: jest, then Rust's own tests. `npm test -- sessions` runs jest alone, with those arguments. */
import { spawnSync } from 'node:child_process';
import { ROOT } from '../../build/inputs.mjs';

/**
 * @param {boolean} passed
 * @param {string[]} given
 */
export function finish(passed, given) {
  if (given.length > 0) return passed;
  console.log('\nRust unit tests');
  const locked = process.env.CI ? ['--locked'] : [];
  const { status } = spawnSync('cargo', ['test', '--quiet', ...locked], { cwd: ROOT, stdio: 'inherit' });
  console.log(
    '\nLeft out: "npm run test:system" and "npm run test:browser", whose programs (PgBouncer, another PostgreSQL,',
  );
  console.log('Chromium) npm cannot install.');
  return passed && status === 0;
}
