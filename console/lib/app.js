/** The way of a request: headers, who it is, how often, and then a page or an action. */

const { Hono } = require('hono');
const { ACTIONS } = require('./actions/index.js');
const { performAction } = require('./actions/perform.js');
const { findAsset } = require('./assets.js');
const { makeCaches } = require('./caches.js');
const { errorResponse, refusedResponse, respond } = require('./respond.js');
const { PAGES } = require('./pages/index.js');
const { fromSegment, pathBelow } = require('./paths.js');
const { readOperator } = require('./permissions.js');
const { Refusal } = require('./refusal.js');
const { readCookie } = require('./secure/csrf.js');
const { withHeaders } = require('./secure/headers.js');
const { makeRateLimit } = require('./secure/rate.js');
const { makeVisit } = require('./visit.js');

/** @import { Context } from 'hono' */
/** @import { Settings } from './settings.js' */
/** @import { Visit } from './visit.js' */

/** @typedef {{ Variables: { visit: Visit } }} Env */

const LONGEST_URL = 4_096;
const READS = new Set(['GET', 'HEAD']);

/** @param {Settings} settings */
function createApp(settings) {
  const take = makeRateLimit(settings.requestsPerMinute);
  const caches = makeCaches(settings);
  /** @type {Hono<Env>} */
  const app = new Hono({ getPath: (request) => pathBelow(request.url, settings.basePath) ?? 'outside' });

  // Hono's own handling passes over what is no `Error`, or one of another realm.
  app.onError((error) => {
    throw error;
  });
  app.use(async (context, next) => {
    try {
      await next();
    } catch (error) {
      context.res = errorResponse(settings, context.get('visit'), context.req.raw, error);
    }
  });

  app.use(async (context, next) => {
    const { req } = context;
    const asset = findAsset(req.path);
    if (asset && READS.has(req.method)) {
      context.res = assetResponse(asset);
      return;
    }
    const operator = readOperator(await settings.authorize(req.raw));
    if (operator === null) {
      context.res = refusedResponse(settings, req.raw);
      return;
    }
    const cookie = readCookie(req.raw, settings);
    const visit = makeVisit(settings, caches, req.raw, operator, cookie.value);
    context.set('visit', visit);
    const seconds = take(operator.name);
    if (seconds > 0) throw tooMany(seconds);
    if (!visit.may('read')) throw new Refusal(403, 'You may sign in to the console, but not read what it shows.');
    if (req.url.length > LONGEST_URL) throw new Refusal(414, 'The address of this page is too long.');
    await next();
    if (cookie.header && READS.has(req.method)) context.res.headers.set('Set-Cookie', cookie.header);
  });

  for (const action of ACTIONS) {
    app.post(action.path, async (context) => performAction(action, context.get('visit'), paramsOf(context)));
    // What an address alone does is never an action.
    app.get(action.path, () => {
      throw notAllowed('POST');
    });
  }
  for (const { path, render } of PAGES) {
    app.get(path, async (context) => {
      const visit = context.get('visit');
      return respond(visit, await render(visit, paramsOf(context)));
    });
    app.all(path, () => {
      throw notAllowed('GET, HEAD');
    });
  }
  app.all('*', ({ req }) => {
    if (!READS.has(req.method) && req.method !== 'POST') throw notAllowed('GET, HEAD, POST');
    throw new Refusal(404, 'There is no such page.');
  });

  return {
    fetch: async (/** @type {Request} */ request) =>
      withHeaders(await app.fetch(request), freshness(request, settings)),
  };
}

/**
 * Assets may be kept, because their paths change with what is in them.
 *
 * @param {Request} request
 * @param {Settings} settings
 */
function freshness(request, { basePath }) {
  const isAsset = findAsset(pathBelow(request.url, basePath) ?? '') !== undefined && READS.has(request.method);
  return isAsset ? { 'Cache-Control': 'public, max-age=31536000, immutable' } : {};
}

/** @param {{ body: Buffer, type: string }} asset */
function assetResponse({ body, type }) {
  return new Response(new Uint8Array(body), { headers: { 'Content-Type': type } });
}

/**
 * The ids that the path names.
 *
 * @param {Context<Env>} context
 */
function paramsOf(context) {
  const entries = Object.entries(context.req.param()).map(([name, segment]) => {
    const id = fromSegment(`${segment}`);
    if (id === null) throw new Refusal(404, 'There is no such page.');
    return [name, id];
  });
  return /** @type {Record<string, string>} */ (Object.fromEntries(entries));
}

/** @param {string} allow */
function notAllowed(allow) {
  return new Refusal(405, 'This address does not take such a request.', { Allow: allow });
}

/** @param {number} seconds */
function tooMany(seconds) {
  const message = `You have sent more requests than the console answers in a minute. Try again in ${seconds} s.`;
  return new Refusal(429, message, { 'Retry-After': `${seconds}` });
}

module.exports = { createApp };
