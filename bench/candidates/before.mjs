/** The store of another checkout, whose folder is in BENCH_BEFORE. */
import { join } from 'node:path';
import { openFrom } from './ours.mjs';

/**
 * It does not call `connect()`, which would refuse tables that are newer than it.
 *
 * @type {import('./types.js').Open}
 */
export async function open(target) {
  return openFrom(join(process.env.BENCH_BEFORE ?? '', 'index.js'), target).candidate;
}
