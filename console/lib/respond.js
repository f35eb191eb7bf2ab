/** Pages, refusals and errors as responses. */

const { html } = require('./html/html.js');
const { barePage, pageOf } = require('./html/layout.js');
const { notice } = require('./html/parts.js');
const { doneText } = require('./actions/done.js');
const { pathBelow } = require('./paths.js');
const { Refusal } = require('./refusal.js');

/** @import { Html } from './html/html.js' */
/** @import { Page } from './html/layout.js' */
/** @import { Settings } from './settings.js' */
/** @import { Visit } from './visit.js' */

/** @type {Record<number, string>} */
const TITLES = {
  400: 'This request makes no sense',
  403: 'You may not do this',
  404: 'Not found',
  405: 'Not possible in this way',
  409: 'Somebody was faster',
  413: 'Too large',
  414: 'Too long',
  415: 'Not a form',
  422: 'This was not accepted',
  429: 'Too many requests',
  503: 'The database is not available',
};
/** The store's messages about what a caller has passed in; what concerns the server stays in the log. */
const SAID = new Set([
  'conflict',
  'invalid_reference',
  'invalid_input',
  'not_found',
  'already_used',
  'expired',
  'cancelled',
]);

/**
 * @param {Html} body
 * @param {number} status
 * @param {Record<string, string>} [headers]
 */
function htmlResponse(body, status, headers = {}) {
  return new Response(`${body}`, { status, headers: { 'Content-Type': 'text/html; charset=utf-8', ...headers } });
}

/**
 * @param {Visit} visit
 * @param {Page} page
 */
function respond(visit, page) {
  const done = doneText(visit.query.done);
  return htmlResponse(pageOf(visit, page, done === undefined ? undefined : notice(done, 'good')), page.status ?? 200);
}

/**
 * For whom `authorize` refuses. A form is not sent elsewhere: its fields would be lost, and the way back leads nowhere.
 *
 * @param {Settings} settings
 * @param {Request} request
 */
function refusedResponse(settings, request) {
  const { signInUrl } = settings;
  if (signInUrl !== undefined && request.method !== 'POST') {
    return new Response(null, { status: 303, headers: { Location: signInUrl } });
  }
  const body = html`<p>You are not signed in as somebody who may use this console.</p>${
    signInUrl !== undefined && html`<p><a class="button primary" href="${signInUrl}">Sign in</a></p>`
  }`;
  return htmlResponse(barePage(settings, 'No access', body), 403);
}

/**
 * @param {Settings} settings
 * @param {Visit | undefined} visit
 * @param {Request} request
 * @param {unknown} error
 */
function errorResponse(settings, visit, request, error) {
  const { status, message, headers } = explain(error);
  if (status >= 500) settings.onError(error, request);
  const title = TITLES[status] ?? 'Something went wrong';
  if (visit === undefined) return htmlResponse(barePage(settings, title, html`<p>${message}</p>`), status, headers);
  const body = html`<div class="card message"><p>${message}</p><p><a class="button" href="${wayBack(visit)}">Back</a></p></div>`;
  const response = htmlResponse(
    status === 403 && !visit.may('read')
      ? barePage(settings, title, html`<p>${message}</p>`)
      : pageOf(visit, { title, body }),
    status,
    headers,
  );
  return response;
}

/**
 * @param {unknown} error
 * @returns {{ status: number, message: string, headers: Record<string, string> }}
 */
function explain(error) {
  if (error instanceof Refusal) return { status: error.status, message: error.message, headers: error.headers };
  const { code, message, statusCode, context } =
    /** @type {Partial<import('@kitiumai/auth-postgres').InternalError>} */ (Object(error));
  const reason = typeof code === 'string' ? /^auth_postgres\/(.*)/.exec(code)?.[1] : undefined;
  if (reason === undefined)
    return { status: 500, message: 'The log of the application says what happened.', headers: {} };
  if (context?.outcome === 'unknown') {
    const unknown =
      'The connection was lost before the database answered. Look whether it has been done before you repeat it.';
    return { status: 500, message: unknown, headers: {} };
  }
  if (SAID.has(reason))
    return { status: statusCode ?? 400, message: sentenceOf(reason, `${message}`, context), headers: {} };
  return {
    status: statusCode ?? 500,
    message: `The database did not answer as it should (${reason}). The log of the application says more.`,
    headers: {},
  };
}

/**
 * @param {string} reason
 * @param {string} message of the store, which begins with the method
 * @param {import('@kitiumai/auth-postgres').ErrorContext} [context]
 */
function sentenceOf(reason, message, { field, constraint } = {}) {
  if (reason === 'conflict' && field === 'updatedAt') {
    return 'Somebody has changed this since you opened the page. Open it again, and repeat what you did.';
  }
  if (reason === 'conflict' && constraint) return `Another record has the same value (${constraint}).`;
  const text = message.replace(/^\w+: /, '');
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${text.endsWith('.') ? '' : '.'}`;
}

/**
 * The page that the form was on, if it is one of the console; else the overview.
 *
 * @param {Visit} visit
 */
function wayBack({ settings: { basePath }, request, href }) {
  const referer = request.headers.get('referer') ?? '';
  if (!URL.canParse(referer) || pathBelow(referer, basePath) === null) return href('/');
  const { host, pathname, search } = new URL(referer);
  return host === new URL(request.url).host && request.method === 'POST' ? `${pathname}${search}` : href('/');
}

module.exports = { errorResponse, explain, htmlResponse, refusedResponse, respond };
