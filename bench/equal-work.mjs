/** Candidates are compared only if they find the same. */

/**
 * @param {import('./contestant.mjs').Contestant[]} contestants the first is the measure of all others
 */
export async function checkEqualWork(contestants) {
  /** @type {Map<string, {name: string, value: string}>} */
  const expected = new Map();
  for (const contestant of contestants) {
    const found = await contestant.ask({ find: true });
    for (const [what, value] of Object.entries(found)) {
      check(contestant.name, what, value, expected);
    }
  }
}

/** Libraries with tables of their own find records of their own: of those the key and the expiry must be right. */
const SHARED = ['id', 'expiresAt', 'email'];
const OWN_TABLES = ['authjs', 'better-auth'];

/** @param {string} name @param {string} what @param {any} value @param {Map<string, {name: string, value: any}>} expected */
function check(name, what, value, expected) {
  const first = expected.get(what);
  if (first === undefined) {
    if (what !== 'noSession' && (value === null || value?.length === 0)) throw new Error(`${name} finds no ${what}`);
    expected.set(what, { name, value });
    return;
  }
  if (value === undefined) return;
  const keys = OWN_TABLES.includes(name) && value !== null ? SHARED.filter((key) => key in value) : undefined;
  const [one, other] = [first.value, value].map((each) => canonical(each, keys));
  if (one !== other) throw new Error(`${what}: ${first.name} finds ${one}, ${name} ${other}`);
}

/**
 * Sorted by keys; of a record that was updated the moment differs.
 *
 * @param {any} value
 * @param {string[] | undefined} keys that count
 * @returns {string}
 */
function canonical(value, keys) {
  return JSON.stringify(value, (at, inner) => {
    if (at === 'updatedAt') return undefined;
    // Better Auth keeps e-mails in lower case.
    if (at === 'email') return inner.toLowerCase();
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner;
    const names = at === '' && keys !== undefined ? keys : Object.keys(inner).sort();
    return Object.fromEntries(names.map((each) => [each, inner[each]]));
  });
}
