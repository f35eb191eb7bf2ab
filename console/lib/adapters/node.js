/** Node's requests and responses as those of the web, for frameworks that are built on the former. */

const { Readable } = require('node:stream');
const { pipeline } = require('node:stream/promises');

/** @import { IncomingMessage, ServerResponse } from 'node:http' */
/** @import { ConsoleHandler } from '../../index.js' */

/** Neither part of a path, which would be taken for what the framework has routed, nor a name and password. */
const HOST = /^[^\s/\\?#@]+$/;

/**
 * The address of a request; `null` if its host is none.
 *
 * @param {IncomingMessage} incoming
 * @param {string | undefined} scheme of the outer connection, as the framework knows it
 * @param {string | undefined} path
 */
function urlOf(incoming, scheme, path = '/') {
  // HTTP/2 has the host under another name.
  const host = `${incoming.headers.host ?? incoming.headers[':authority'] ?? 'localhost'}`;
  const url = `${scheme === 'https' ? 'https' : 'http'}://${host}${path.startsWith('/') ? path : '/'}`;
  return HOST.test(host) && URL.canParse(url) ? url : null;
}

/**
 * The request; `null` for what is none of the web, such as a `TRACE`.
 *
 * @param {IncomingMessage} incoming
 * @param {string} url in full
 * @param {unknown} [parsedBody] if another middleware has read the body
 */
function toRequest(incoming, url, parsedBody) {
  try {
    const method = incoming.method ?? 'GET';
    const headers = new Headers();
    for (let index = 0; index < incoming.rawHeaders.length; index += 2) {
      const name = `${incoming.rawHeaders[index]}`;
      // Those of HTTP/2 that begin with a colon are no headers.
      if (!name.startsWith(':')) headers.append(name, `${incoming.rawHeaders[index + 1]}`);
    }
    /** @type {RequestInit & { duplex?: 'half' }} */
    const init = { method, headers };
    if (method !== 'GET' && method !== 'HEAD') {
      const body = incoming.readableEnded && parsedBody !== undefined ? toForm(parsedBody) : Readable.toWeb(incoming);
      if (typeof body === 'string') headers.delete('content-length');
      init.body = /** @type {BodyInit} */ (body);
      init.duplex = 'half';
    }
    return new Request(url, init);
  } catch {
    return null;
  }
}

/**
 * The form again from what a middleware has made of it.
 *
 * @param {unknown} body
 */
function toForm(body) {
  if (typeof body === 'string') return body;
  if (Buffer.isBuffer(body)) return body.toString('latin1');
  const entries = Object.entries(/** @type {Record<string, unknown>} */ (body ?? {}));
  return `${new URLSearchParams(entries.flatMap(([name, value]) => [value].flat().map((each) => [name, `${each}`])))}`;
}

/**
 * @param {Response} response
 * @param {ServerResponse} outgoing
 */
async function sendResponse(response, outgoing) {
  outgoing.statusCode = response.status;
  for (const [name, value] of response.headers) {
    if (name === 'set-cookie') outgoing.appendHeader(name, value);
    else outgoing.setHeader(name, value);
  }
  if (response.body === null) {
    outgoing.end();
    return;
  }
  try {
    await pipeline(Readable.fromWeb(/** @type {any} */ (response.body)), outgoing);
  } catch (error) {
    // Whoever asked has gone away.
    if (!outgoing.destroyed) throw error;
  }
}

/**
 * Answers a request, whatever happens: nobody else does.
 *
 * @param {ConsoleHandler} handler
 * @param {IncomingMessage} incoming
 * @param {ServerResponse} outgoing
 * @param {string | null} url
 * @param {unknown} [parsedBody]
 */
async function answer(handler, incoming, outgoing, url, parsedBody) {
  const request = url === null ? null : toRequest(incoming, url, parsedBody);
  try {
    await sendResponse(request === null ? new Response(null, { status: 400 }) : await handler(request), outgoing);
  } catch (error) {
    console.error(error);
    if (outgoing.headersSent) outgoing.destroy();
    else outgoing.writeHead(500).end();
  }
}

module.exports = { answer, urlOf };
