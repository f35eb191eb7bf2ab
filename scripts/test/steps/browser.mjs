/** `npm run test:browser`: pages in the system's Chromium. Their pictures are in target/screenshots afterwards. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { prepareExamples } from '../../../examples/prepare.mjs';
import { ROOT } from '../../build/inputs.mjs';
import chromium from '../chromium.cjs';

/** @param {string[]} given */
export async function prepare(given) {
  try {
    chromium.chromiumPath();
  } catch (error) {
    console.error(`test:browser: ${/** @type {Error} */ (error).message}`);
    process.exit(1);
  }
  await prepareExamples(['express']);
  rmSync(join(ROOT, 'target', 'screenshots'), { recursive: true, force: true });
  return given;
}
