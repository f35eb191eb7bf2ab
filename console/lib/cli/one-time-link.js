/**
 * Who may use a console on this machine: whoever opened the link that was printed. The link works once and gives the browser a
 * cookie. Every other page that the same browser has open knows the address, too, so that two more things are looked at: the
 * header `Host`, which a page of another name that was pointed at 127.0.0.1 cannot choose, and the cookie's `SameSite`.
 */

const { randomBytes, timingSafeEqual } = require('node:crypto');
const { withHeaders } = require('../secure/headers.js');

/** @import { ConsoleHandler, Operator } from '../../index.js' */

const OPEN = '/open/';

/**
 * @param {Operator} operator
 * @param {() => number} port
 */
function makeOneTimeLink(operator, port) {
  const key = newSecret();
  const session = newSecret();
  let isUsed = false;

  const cookieName = () => `auth-postgres-console-${port()}`;

  /** @param {Request} request @returns {Operator | null} */
  const authorize = (request) => {
    const cookies = (request.headers.get('cookie') ?? '').split(';').map((pair) => pair.trim().split('='));
    const isKnown = cookies.some(([name, value]) => name === cookieName() && isSame(value ?? '', session));
    return isKnown ? operator : null;
  };

  /**
   * Answers what comes for the link itself, and hands everything else on.
   *
   * @param {ConsoleHandler} handler
   * @returns {(request: Request) => Promise<Response>}
   */
  const guard = (handler) => async (request) => {
    if (!isLocal(request, port())) {
      return refuse('This console answers to 127.0.0.1 and localhost only, by the port that it was started with.', 421);
    }
    const { pathname } = new URL(request.url);
    if (!pathname.startsWith(OPEN)) return handler(request);
    if (request.method !== 'GET') return refuse('Open this link in a browser.', 405);
    if (isUsed || !isSame(pathname.slice(OPEN.length), key)) {
      return refuse(
        'This link has been used, or is not the one that was printed. Start the console again for another one.',
        403,
      );
    }
    isUsed = true;
    const cookie = `${cookieName()}=${session}; Path=/; HttpOnly; SameSite=Strict`;
    return withHeaders(new Response(null, { status: 303, headers: { Location: '/', 'Set-Cookie': cookie } }));
  };

  return { authorize, guard, path: `${OPEN}${key}` };
}

function newSecret() {
  return randomBytes(32).toString('base64url');
}

/**
 * @param {string} given
 * @param {string} expected
 */
function isSame(given, expected) {
  const [one, other] = [Buffer.from(given), Buffer.from(expected)];
  return one.length === other.length && timingSafeEqual(one, other);
}

/**
 * @param {Request} request
 * @param {number} port
 */
function isLocal(request, port) {
  const hosts = [`127.0.0.1:${port}`, `localhost:${port}`];
  return hosts.includes(request.headers.get('host') ?? '') && hosts.includes(new URL(request.url).host);
}

/**
 * @param {string} message
 * @param {number} status
 */
function refuse(message, status) {
  return withHeaders(
    new Response(`${message}\n`, { status, headers: { 'Content-Type': 'text/plain; charset=utf-8' } }),
  );
}

module.exports = { makeOneTimeLink };
