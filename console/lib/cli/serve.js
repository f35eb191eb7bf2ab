/** Serves a console on this machine alone. */

const { serve } = require('@hono/node-server');
const { createConsole } = require('../../index.js');
const { makeOneTimeLink } = require('./one-time-link.js');

/** @import { Server } from 'node:http' */
/** @import { AddressInfo } from 'node:net' */
/** @import { ConsoleOptions, Operator } from '../../index.js' */
/** @import { PostgresStorageAdapter } from '@kitiumai/auth-postgres' */

const HOST = '127.0.0.1';

/**
 * @param {(request: Request) => Promise<Response>} handler
 * @param {number} port 0 for a free one
 * @returns {Promise<Server>} once it listens
 */
async function listenWith(handler, port) {
  const server = /** @type {Server} */ (serve({ fetch: handler, hostname: HOST, port, overrideGlobalObjects: false }));
  await new Promise((done, fail) => {
    server.once('listening', () => done(undefined));
    server.once('error', fail);
  });
  return server;
}

/**
 * @param {PostgresStorageAdapter} storage
 * @param {Operator} operator
 * @param {{ port: number } & Pick<ConsoleOptions, 'title' | 'events'>} options
 * @returns {Promise<{ link: string, stop: () => Promise<void> }>}
 */
async function serveLocally(storage, operator, { port, ...options }) {
  let actualPort = port;
  const { authorize, guard, path } = makeOneTimeLink(operator, () => actualPort);
  const server = await listenWith(guard(createConsole(storage, { ...options, authorize })), port);
  actualPort = /** @type {AddressInfo} */ (server.address()).port;
  const stop = async () => {
    const closed = new Promise((done) => server.close(done));
    server.closeAllConnections();
    await closed;
  };
  return { link: `http://${HOST}:${actualPort}${path}`, stop };
}

module.exports = { listenWith, serveLocally };
