/** The small parts that pages are made of. */

const { html, NOTHING } = require('./html.js');
const { toSegment } = require('../paths.js');

/** @import { Visit } from '../visit.js' */

/** @typedef {'plain' | 'good' | 'notice' | 'bad' | 'accent'} Tone */

/**
 * @param {string} text
 * @param {Tone} [tone]
 */
function badge(text, tone = 'plain') {
  return html`<span class="badge ${tone}">${text}</span>`;
}

/** @param {readonly string[]} texts */
function badges(texts) {
  return texts.length === 0 ? html`<span class="faint">none</span>` : texts.map((text) => html`${badge(text)} `);
}

/** An id, in full for copying. @param {string} id */
function code(id) {
  return html`<code class="id">${id}</code>`;
}

/**
 * A card with a heading, which names it for screen readers.
 *
 * @param {string} title
 * @param {unknown} body
 * @param {{ id?: string, aside?: unknown, tone?: 'danger', count?: number | undefined, wide?: boolean }} [options]
 */
function card(title, body, { id = slug(title), aside, tone, count, wide } = {}) {
  return html`<section class="card ${tone ?? ''} ${wide ? 'wide' : ''}" aria-labelledby="${id}-title" id="${id}">
<header class="card-head"><h2 id="${id}-title">${title}${count !== undefined && html` <span class="count">${count}</span>`}</h2>${
    aside && html`<div class="aside">${aside}</div>`
  }</header>
${body}
</section>`;
}

/** @param {string} title */
function slug(title) {
  return title.toLowerCase().replace(/[^a-z0-9]+/g, '-');
}

/** @param {string} text what is not there @param {unknown} [hint] and what would put something there */
function empty(text, hint) {
  return html`<div class="empty"><p>${text}</p>${hint && html`<p class="faint">${hint}</p>`}</div>`;
}

/**
 * Pairs of a name and a value.
 *
 * @param {[string, unknown][]} entries
 */
function facts(entries) {
  return html`<dl class="facts">${entries.map(
    ([name, value]) => html`<div><dt>${name}</dt><dd>${value ?? html`<span class="faint">none</span>`}</dd></div>`,
  )}</dl>`;
}

/**
 * A number with what it counts.
 *
 * @param {string} name
 * @param {unknown} value
 * @param {unknown} [note]
 */
function figure(name, value, note) {
  return html`<div class="figure"><dt>${name}</dt><dd><span class="value">${value}</span>${
    note && html`<span class="note">${note}</span>`
  }</dd></div>`;
}

/** @param {string} name @param {'small' | 'large'} [size] */
function avatar(name, size = 'small') {
  const letters = [...name.replace(/[^\p{L}\p{N}\s@]/gu, '')];
  const words = letters
    .join('')
    .split(/[\s@]+/)
    .filter(Boolean);
  const initials =
    words.length > 1 ? [...(words[0] ?? '')][0] + ([...(words[1] ?? '')][0] ?? '') : (words[0] ?? '?').slice(0, 2);
  const hue = [...name].reduce((sum, letter) => sum + (letter.codePointAt(0) ?? 0), 0) % 6;
  return html`<span class="avatar ${size} hue-${hue}" aria-hidden="true">${initials.toUpperCase()}</span>`;
}

/**
 * A user by name or e-mail, and else by id, as a link.
 *
 * @param {Visit} visit
 * @param {{ id: string, name?: string, email?: string }} user
 */
function userLink(visit, { id, name, email }) {
  return html`<a class="person" href="${visit.href(`/users/${toSegment(id)}`)}">${avatar(name ?? email ?? id)}<span class="who"><span class="first">${
    name ?? email ?? id
  }</span>${name !== undefined && email !== undefined && html`<span class="second">${email}</span>`}</span></a>`;
}

/**
 * An organization by its name, or by its id if it is not there any more.
 *
 * @param {Visit} visit
 * @param {string} id
 * @param {{ name: string } | undefined} organization
 */
function organizationLink(visit, id, organization) {
  return html`<a href="${visit.href(`/organizations/${toSegment(id)}`)}">${organization?.name ?? code(id)}</a>`;
}

/**
 * @param {Visit} visit
 * @param {Partial<Record<string, string>>} query of this page
 * @param {string | undefined} next the cursor
 * @param {string} [parameter]
 */
function pager(visit, query, next, parameter = 'after') {
  const isFirst = query[parameter] === undefined;
  if (isFirst && next === undefined) return NOTHING;
  const first = visit.hereWith({ ...query, [parameter]: undefined });
  return html`<nav class="pager" aria-label="Pages">${
    isFirst ? html`<span class="faint">Newest first</span>` : html`<a class="button" href="${first}">First page</a>`
  }${
    next === undefined
      ? html`<span class="faint">This is the last page</span>`
      : html`<a class="button" rel="next" href="${visit.hereWith({ ...query, [parameter]: next })}">Next page</a>`
  }</nav>`;
}

/**
 * @param {string} text
 * @param {Tone} [tone]
 */
function notice(text, tone = 'notice') {
  return html`<p class="flash ${tone}" role="${tone === 'bad' ? 'alert' : 'status'}">${text}</p>`;
}

module.exports = {
  avatar,
  badge,
  badges,
  card,
  code,
  empty,
  facts,
  figure,
  notice,
  organizationLink,
  pager,
  slug,
  userLink,
};
