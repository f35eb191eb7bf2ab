/** Listens on a socket on which only one process can listen, whichever comes first. */

const { unlinkSync } = require('node:fs');
const { connect } = require('node:net');

/** @import { Server } from 'node:net' */

/**
 * @param {Server} server
 * @param {string} path
 * @returns {Promise<boolean>} `false` if another supervisor listens there
 */
async function listenAlone(server, path) {
  for (;;) {
    /** @type {string | undefined} */
    const code = await new Promise((resolve) => {
      const onError = (/** @type {NodeJS.ErrnoException} */ error) => resolve(error.code);
      server.once('error', onError).listen(path, () => resolve(undefined));
    });
    if (code === undefined) return true;
    if (code !== 'EADDRINUSE') throw new Error(`The socket ${path} cannot be made: ${code}`);
    if (await isListening(path)) return false;
    try {
      // A supervisor that was killed has left it behind.
      unlinkSync(path);
    } catch {
      // Another one was faster.
    }
  }
}

/**
 * @param {string} path
 * @returns {Promise<boolean>}
 */
function isListening(path) {
  return new Promise((resolve) => {
    const probe = connect(path, () => {
      probe.destroy();
      resolve(true);
    }).on('error', () => resolve(false));
  });
}

module.exports = { listenAlone };
