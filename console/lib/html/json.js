/** Objects of the application, without what could be a secret. */

const { html } = require('./html.js');
const { isHidden } = require('../secure/hidden-keys.js');

const DEEPEST = 20;
const HIDDEN = '(hidden)';

/**
 * A copy of an object in which secrets are replaced.
 *
 * @param {unknown} value
 * @param {readonly string[]} hiddenKeys further ones, in lower case
 * @param {number} [depth]
 * @returns {unknown}
 */
function withoutSecrets(value, hiddenKeys, depth = 0) {
  if (depth > DEEPEST) return '…';
  if (Array.isArray(value)) return value.map((each) => withoutSecrets(each, hiddenKeys, depth + 1));
  if (value === null || typeof value !== 'object' || value instanceof Date) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [
      key,
      isHidden(key, hiddenKeys) ? HIDDEN : withoutSecrets(each, hiddenKeys, depth + 1),
    ]),
  );
}

/**
 * @param {unknown} value
 * @param {readonly string[]} hiddenKeys
 */
function toJson(value, hiddenKeys) {
  return JSON.stringify(withoutSecrets(value, hiddenKeys));
}

/**
 * An object of the application as a block of JSON; nothing for an empty one.
 *
 * @param {Record<string, unknown> | undefined} value
 * @param {readonly string[]} hiddenKeys
 */
function jsonBlock(value, hiddenKeys) {
  if (value === undefined || Object.keys(value).length === 0) return html`<span class="faint">none</span>`;
  return html`<pre class="json" tabindex="0">${JSON.stringify(withoutSecrets(value, hiddenKeys), null, 2)}</pre>`;
}

/**
 * The same in one line, key by key.
 *
 * @param {Record<string, unknown>} value
 * @param {readonly string[]} hiddenKeys
 */
function jsonLine(value, hiddenKeys) {
  const entries = Object.entries(/** @type {Record<string, unknown>} */ (withoutSecrets(value, hiddenKeys)));
  if (entries.length === 0) return html`<span class="faint">no data</span>`;
  return html`<span class="pairs">${entries.map(
    ([key, each]) =>
      html`<span class="pair"><span class="key">${key}</span> ${typeof each === 'string' ? each : JSON.stringify(each)}</span> `,
  )}</span>`;
}

module.exports = { jsonBlock, jsonLine, toJson, withoutSecrets };
