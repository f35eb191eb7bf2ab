/** `npm run test:examples`: the example applications, on the packed package, over HTTP. */
import { join } from 'node:path';
import { prepareExample } from '../../../examples/prepare.mjs';
import { ROOT } from '../../build/inputs.mjs';

/** @param {string[]} given */
export async function prepare(given) {
  for (const name of ['fastify-api', 'next']) await prepareExample(join(ROOT, 'examples', name));
  return given;
}
