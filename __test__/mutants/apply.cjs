/**
 * Finds the one place of a mistake in the source, and puts the mistake there.
 *
 * CommonJS, since both jest and `scripts/test/mutants.mjs` load it.
 */
const fs = require('node:fs');
const path = require('node:path');

/** What is searched; files may move inside of it. */
const SOURCES = ['src', 'lib', 'index.js', 'migrations'];

/**
 * A plausible mistake, and what must notice it.
 *
 * @typedef {object} Mutant
 * @property {string} name a short name, for `--only`
 * @property {string} mistake what is wrong with the code then
 * @property {string} find the text to be replaced, which stands in exactly one place of all the source
 * @property {string} replace what stands there instead
 * @property {string[]} [tests] the test files that must fail, by their names in `__test__/`
 * @property {string} [unit] the filter of the Rust unit tests that must fail
 */

/**
 * @param {string} root
 * @returns {string[]} the files of the source, relative to the root
 */
function sourceFiles(root) {
  /** @param {string} name @returns {string[]} */
  const under = (name) => {
    const full = path.join(root, name);
    if (!fs.existsSync(full)) return [];
    if (fs.statSync(full).isFile()) return [name];
    return fs.readdirSync(full).flatMap((child) => under(path.join(name, child)));
  };
  return SOURCES.flatMap(under);
}

/**
 * @param {string} root
 * @param {Mutant} mutant
 * @returns {string[]} the file of each place where the text stands
 */
function placesOf(root, mutant) {
  return sourceFiles(root).flatMap((file) => {
    const text = fs.readFileSync(path.join(root, file), 'utf8');
    return new Array(text.split(mutant.find).length - 1).fill(file);
  });
}

/**
 * @param {string} root
 * @param {Mutant} mutant
 * @returns {{ file: string, undo: () => void }}
 */
function apply(root, mutant) {
  const places = placesOf(root, mutant);
  const [file] = places;
  if (file === undefined || places.length > 1) {
    throw new Error(`the text to find stands in ${places.length} places: ${places.join(', ') || 'none'}`);
  }
  const full = path.join(root, file);
  const text = fs.readFileSync(full, 'utf8');
  // Not as a pattern: `$` means nothing in it.
  fs.writeFileSync(
    full,
    text.replace(mutant.find, () => mutant.replace),
  );
  return { file, undo: () => fs.writeFileSync(full, text) };
}

module.exports = { apply, placesOf };
