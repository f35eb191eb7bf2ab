/**
 * The environment variables and directories that the core needs, as JSON. Native code must not read them itself: another
 * thread's `getenv` would crash if the application set a variable at the same moment.
 */

const { homedir, tmpdir } = require('node:os');

function readEnvironment() {
  const variables = Object.entries(process.env).filter(([name]) => name.startsWith('PG'));
  const { APPDATA, NODE_EXTRA_CA_CERTS } = process.env;
  return JSON.stringify({
    ...Object.fromEntries(variables),
    ...{ APPDATA, HOME: findHome(), NODE_EXTRA_CA_CERTS, TMPDIR: tmpdir() },
  });
}

/** Returns `undefined` for an account that has no home directory. */
function findHome() {
  try {
    return homedir();
  } catch {
    return undefined;
  }
}

module.exports = { readEnvironment };
