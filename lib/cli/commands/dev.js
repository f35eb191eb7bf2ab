const { coloursFor } = require('../colours.js');
const { SIGNALS, withStorage } = require('../connection.js');
const { startServer } = require('../embedded-server.js');
const { EXIT, Interrupted } = require('../exit-codes.js');
const { print, printJson, say } = require('../output.js');
const { withProgress } = require('../progress.js');

/** @import { GlobalOptions } from '../connection.js' */

/** Resolves when the user wants the server to end, and then throws whenever it is asked. */
function interruption() {
  let isWanted = false;
  const wanted = new Promise((resolve) => {
    for (const signal of SIGNALS) {
      process.on(signal, () => {
        isWanted = true;
        resolve('interrupted');
      });
    }
  });
  const check = () => {
    if (isWanted) throw new Interrupted('interrupted: nothing of the server stays but what is in --data');
  };
  return { wanted, check };
}

/** @param {GlobalOptions & { port?: number, data?: string }} options */
async function dev({ port, data, schema, json }) {
  const { wanted, check } = interruption();
  const server = await withProgress('starting a server', () => startServer({ port, data })).catch((error) => {
    // Ctrl-C reaches the programs that make the server as well, which then fail.
    check();
    throw error;
  });
  try {
    check();
    const { url } = server;
    const connection = schema === undefined ? { url } : { url, schema };
    await withProgress('migrating', () => withStorage(connection, (storage, signal) => storage.migrate({ signal })));
    check();
    // It has just been made for this server, so that it is no secret.
    if (json) printJson({ url });
    else print(url);
    say(coloursFor(process.stderr).dim('Ctrl-C stops the server.'));
    const reason = await Promise.race([wanted, server.ended.then(() => 'ended')]);
    if (reason === 'ended') throw new Error('the server has ended');
  } finally {
    await server.stop();
  }
  say('The server has been stopped.');
  return EXIT.done;
}

module.exports = { dev };
