const { coloursFor } = require('../colours.js');
const { SIGNALS, withStorage } = require('../connection.js');
const { startServer } = require('../embedded-server.js');
const { EXIT } = require('../exit-codes.js');
const { print, printJson, say } = require('../output.js');
const { withProgress } = require('../progress.js');

/** @import { GlobalOptions } from '../connection.js' */

/** Resolves when the user wants the server to end. */
const interruption = () =>
  new Promise((resolve) => {
    for (const signal of SIGNALS) process.on(signal, () => resolve('interrupted'));
  });

/** @param {GlobalOptions & { port?: number, data?: string }} options */
async function dev({ port, data, schema, json }) {
  const interrupted = interruption();
  const server = await withProgress('starting a server', () => startServer({ port, data }));
  try {
    const { url } = server;
    const connection = schema === undefined ? { url } : { url, schema };
    await withProgress('migrating', () => withStorage(connection, (storage, signal) => storage.migrate({ signal })));
    // It has just been made for this server, so that it is no secret.
    if (json) printJson({ url });
    else print(url);
    say(coloursFor(process.stderr).dim('Ctrl-C stops the server.'));
    const reason = await Promise.race([interrupted, server.ended.then(() => 'ended')]);
    if (reason === 'ended') throw new Error('the server has ended');
  } finally {
    await server.stop();
  }
  say('The server has been stopped.');
  return EXIT.done;
}

module.exports = { dev };
