/** Where the Chromium is that the tests of pages run in. npm cannot bring it, so that the system has to. */
const { existsSync } = require('node:fs');
const path = require('node:path');

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/**
 * The variable CHROMIUM names another program than the first one on the PATH.
 *
 * @returns {string} the path of the program
 */
function chromiumPath() {
  const given = process.env.CHROMIUM;
  const directories = (process.env.PATH ?? '').split(path.delimiter);
  const candidates = given ? [given] : NAMES.flatMap((name) => directories.map((each) => path.join(each, name)));
  const found = candidates.find((file) => existsSync(file));
  if (found) return found;
  throw new Error(
    given
      ? `CHROMIUM is set to ${given}, which does not exist.`
      : 'Chromium is missing: on Debian run "apt-get install chromium", or set CHROMIUM to the path of another Chrome.',
  );
}

module.exports = { chromiumPath };
