/**
 * HTML as tagged templates: whatever is filled in is escaped, unless it is HTML made here. Hono's own tag also trusts any
 * object that says `isEscaped`, which JSON of an application could; so only text, numbers and HTML get through to it.
 */

const hono = require('hono/html');

/** @typedef {import('hono/utils/html').HtmlEscapedString} Html */

/**
 * @param {TemplateStringsArray} strings
 * @param {...unknown} values
 * @returns {Html}
 */
function html(strings, ...values) {
  return /** @type {Html} */ (hono.html(strings, ...values.map(checked)));
}

/**
 * @param {unknown} value
 * @returns {unknown}
 */
function checked(value) {
  if (Array.isArray(value)) return value.map(checked);
  if (value === null || typeof value !== 'object') return value;
  if (value instanceof String && /** @type {Partial<Html>} */ (value).isEscaped === true) return value;
  throw new TypeError('Only text, numbers and HTML can be filled into HTML.');
}

/** @type {Html} */
const NOTHING = html``;

module.exports = { NOTHING, html };
