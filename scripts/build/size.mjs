/** How large the addon may be: it is in every install, and in every function that is deployed. */
import { statSync } from 'node:fs';

const MOST_BYTES = 8_000_000;

/** @param {string} binary of a release build */
export function checkSize(binary) {
  const { size } = statSync(binary);
  console.log(`${binary}: ${size} bytes`);
  if (size > MOST_BYTES) throw new Error(`${binary} has ${size} bytes; ${MOST_BYTES} are allowed.`);
}
