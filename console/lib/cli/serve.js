/** Serves a console on this machine alone. */

const { serve } = require('@hono/node-server');
const { createConsole } = require('../../index.js');
const { makeOneTimeLink } = require('./one-time-link.js');

/** @import { AddressInfo } from 'node:net' */
/** @import { ConsoleOptions, Operator } from '../../index.js' */
/** @import { PostgresStorageAdapter } from '@kitiumai/auth-postgres' */

const HOST = '127.0.0.1';

/**
 * @param {PostgresStorageAdapter} storage
 * @param {Operator} operator
 * @param {{ port: number } & Pick<ConsoleOptions, 'title' | 'events'>} options
 * @returns {Promise<{ link: string, stop: () => Promise<void> }>}
 */
async function serveLocally(storage, operator, { port, ...options }) {
  let actualPort = port;
  const { authorize, guard, path } = makeOneTimeLink(operator, () => actualPort);
  const handler = guard(createConsole(storage, { ...options, authorize }));
  const server = /** @type {import('node:http').Server} */ (
    serve({ fetch: handler, hostname: HOST, port, overrideGlobalObjects: false })
  );
  await new Promise((done, fail) => {
    server.once('listening', () => done(undefined));
    server.once('error', fail);
  });
  actualPort = /** @type {AddressInfo} */ (server.address()).port;
  const stop = () =>
    new Promise((done) => {
      server.close(() => done(undefined));
      server.closeAllConnections();
    });
  return { link: `http://${HOST}:${actualPort}${path}`, stop: /** @type {() => Promise<void>} */ (stop) };
}

module.exports = { serveLocally };
