/** What surrounds each page. */

const { html, NOTHING } = require('./html.js');
const { avatar } = require('./parts.js');
const { assetPath } = require('../assets.js');
const { icon } = require('./icons.js');

/** @import { Html } from './html.js' */
/** @import { Settings } from '../settings.js' */
/** @import { Visit } from '../visit.js' */

/**
 * @typedef {object} Page
 * @property {string} title
 * @property {unknown} body
 * @property {[label: string, path: string][]} [crumbs] the pages above this one
 * @property {string} [lead] a sentence below the title
 * @property {unknown} [head] instead of the title
 * @property {unknown} [tools] at the right of the title
 * @property {number} [status]
 */

/** @type {readonly (readonly [path: string, label: string, icon: import('./icons.js').IconName])[]} */
const SECTIONS = [
  ['/', 'Overview', 'overview'],
  ['/users', 'Users', 'users'],
  ['/organizations', 'Organizations', 'organizations'],
  ['/api-keys', 'API keys', 'keys'],
  ['/sso', 'Single sign-on', 'sso'],
  ['/events', 'Audit log', 'events'],
  ['/health', 'Health', 'health'],
];

/**
 * @param {Visit} visit
 * @param {Page} page
 * @param {Html} [flash]
 */
function pageOf(visit, { title, body, crumbs = [], lead, head, tools }, flash = NOTHING) {
  const { settings, operator, path } = visit;
  const isActive = (/** @type {string} */ section) =>
    section === '/' ? path === '/' : path === section || path.startsWith(`${section}/`);
  const links = SECTIONS.map(
    ([section, label, name]) =>
      html`<li><a href="${visit.href(section)}"${isActive(section) && html` aria-current="${path === section ? 'page' : 'true'}"`}>${icon(name)}<span>${label}</span></a></li>`,
  );
  return document(
    settings,
    title,
    html`<a class="skip" href="#main">Skip to the content</a>
<header class="top"><a class="brand" href="${visit.href('/')}">${icon('mark')}<span>${settings.title}</span></a>
<p class="operator">${avatar(operator.name)}<span><span class="hidden">Signed in as </span>${operator.name}</span></p></header>
<nav class="side" aria-label="Sections"><ul>${links}</ul></nav>
<main id="main" tabindex="-1">
${
  crumbs.length > 0 &&
  html`<nav class="crumbs" aria-label="Breadcrumbs"><ol>${crumbs.map(
    ([label, to]) => html`<li><a href="${visit.href(to)}">${label}</a></li>`,
  )}<li aria-current="page">${title}</li></ol></nav>`
}
${flash}
<div class="title">${head ?? html`<div><h1>${title}</h1>${lead && html`<p class="lead">${lead}</p>`}</div>`}${
      tools && html`<div class="tools">${tools}</div>`
    }</div>
${body}
</main>`,
  );
}

/**
 * A page for somebody who sees nothing of the console.
 *
 * @param {Settings} settings
 * @param {string} title
 * @param {unknown} body
 */
function barePage(settings, title, body) {
  return document(settings, title, html`<main class="bare" id="main"><h1>${title}</h1>${body}</main>`);
}

/**
 * @param {Settings} settings
 * @param {string} title
 * @param {Html} body
 */
function document(settings, title, body) {
  const asset = (/** @type {string} */ name) => `${settings.basePath}${assetPath(name)}`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${title} · ${settings.title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="stylesheet" href="${asset('console.css')}">
<link rel="icon" href="${asset('icon.svg')}" type="image/svg+xml">
<script src="${asset('console.js')}" defer></script>
</head>
<body>
${body}
</body>
</html>
`;
}

module.exports = { barePage, pageOf };
