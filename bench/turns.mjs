/**
 * Rounds of all entrants, one after the other; nobody always goes first. Resolves with the rounds of each.
 *
 * @template E, R
 * @param {E[]} entrants
 * @param {number} rounds
 * @param {(entrant: E) => Promise<R>} measure
 * @returns {Promise<R[][]>}
 */
export async function inTurns(entrants, rounds, measure) {
  /** @type {R[][]} */
  const found = entrants.map(() => []);
  for (let round = 0; round < rounds; round += 1) {
    for (const turn of entrants.keys()) {
      const who = (turn + round) % entrants.length;
      found[who]?.push(await measure(/** @type {E} */ (entrants[who])));
    }
    process.stderr.write('.');
  }
  return found;
}
