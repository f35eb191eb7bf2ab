/**
 * `npm run lint:crates`: every crate in the addon has a licence that the package's own (MIT) may be combined with, and
 * none is there in two versions, other than those named here. What is named here and no longer there fails as well.
 */
import { compiledCrates } from '../release/crates.mjs';

const ALLOWED = ['MIT', 'Apache-2.0', 'BSD-3-Clause', 'ISC', 'Unicode-3.0', 'Unlicense', 'Zlib', 'BSL-1.0'];

/** Crates in two versions, and who asks for the older one. */
const IN_TWO_VERSIONS = {
  ...{ sha2: 'sqlx-core', digest: 'sha2 0.10', 'block-buffer': 'sha2 0.10', 'crypto-common': 'sha2 0.10' },
  ...{ cpufeatures: 'sha2 0.10', getrandom: 'ring', hashbrown: 'hashlink, for sqlx-core', 'windows-sys': 'ring' },
};

const crates = compiledCrates();
const problems = [];
for (const { name, version, licence } of crates) {
  if (!isAllowed(licence)) problems.push(`${name} ${version} has the licence "${licence}", which is not allowed`);
}
const names = crates.map(({ name }) => name);
const twice = new Set(names.filter((name, at) => names.indexOf(name) !== at));
for (const name of twice) {
  if (!(name in IN_TWO_VERSIONS)) problems.push(`${name} is there in two versions: cargo tree --duplicates says why`);
}
for (const name of Object.keys(IN_TWO_VERSIONS)) {
  if (!twice.has(name)) problems.push(`${name} is no longer there in two versions: take it out of IN_TWO_VERSIONS`);
}
for (const problem of problems) console.error(`lint:crates: ${problem}`);
console.log(`${crates.length} crates, ${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;

/**
 * One licence of each "OR" must be allowed, and all of each "AND".
 *
 * @param {string} expression
 * @returns {boolean}
 */
function isAllowed(expression) {
  const withoutGroups = expression.replace(/\(([^()]*)\)/g, (_, group) => (isAllowed(group) ? 'MIT' : 'none'));
  if (withoutGroups !== expression) return isAllowed(withoutGroups);
  return expression.split(' OR ').some((each) => each.split(' AND ').every((id) => ALLOWED.includes(id.trim())));
}
