/**
 * Whether a form comes from a page of the console. Three things have to be right: the header `Origin`, a cookie that only
 * this browser has, and a token that the console has made for that cookie and that operator.
 */

const { randomBytes } = require('node:crypto');

/** @import { Settings } from '../settings.js' */

const COOKIE = 'auth-postgres-console';
const COOKIE_VALUE = /^[\w-]{43}$/;
const FIELD = 'token';

/**
 * The value of the browser's cookie, and the header that sets it if there is none yet.
 *
 * @param {Request} request
 * @param {Settings} settings
 * @returns {{ value: string, header: string | undefined }}
 */
function readCookie(request, { basePath, origin }) {
  const value = cookieOf(request);
  if (value !== undefined) return { value, header: undefined };
  const made = randomBytes(32).toString('base64url');
  const isSecure = (origin ?? request.url).startsWith('https:');
  const header = `${COOKIE}=${made}; Path=${basePath || '/'}; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`;
  return { value: made, header };
}

/** @param {Request} request */
function cookieOf(request) {
  for (const pair of (request.headers.get('cookie') ?? '').split(';')) {
    const [name, value = ''] = pair.trim().split('=');
    if (name === COOKIE && COOKIE_VALUE.test(value)) return value;
  }
  return undefined;
}

/**
 * @param {Settings} settings
 * @param {string} cookie
 * @param {string} operatorName
 */
function makeToken({ keys }, cookie, operatorName) {
  return keys.sign(`${cookie}\n${operatorName}`);
}

/**
 * @param {Request} request
 * @param {Settings} settings
 */
function isSameOrigin(request, settings) {
  const origin = request.headers.get('origin');
  const site = request.headers.get('sec-fetch-site');
  if (site !== null && site !== 'same-origin') return false;
  if (origin === null || !URL.canParse(origin)) return false;
  // A proxy may have ended TLS, so that the scheme of the request's URL says nothing.
  return settings.origin === undefined
    ? new URL(origin).host === new URL(request.url).host
    : origin === settings.origin;
}

/**
 * @param {Request} request
 * @param {Settings} settings
 * @param {string} operatorName
 * @param {string | null} token
 */
function isGenuine(request, settings, operatorName, token) {
  const cookie = cookieOf(request);
  return (
    isSameOrigin(request, settings) &&
    cookie !== undefined &&
    token !== null &&
    settings.keys.isSignature(`${cookie}\n${operatorName}`, token)
  );
}

module.exports = { FIELD, isGenuine, isSameOrigin, makeToken, readCookie };
