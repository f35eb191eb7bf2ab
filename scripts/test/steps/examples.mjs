/** `npm run test:examples`: the example applications, on the packed package, over HTTP. */
import { prepareExamples } from '../../../examples/prepare.mjs';

/** @param {string[]} given */
export async function prepare(given) {
  await prepareExamples(['fastify-api', 'next']);
  return given;
}
