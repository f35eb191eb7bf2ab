/** Forms and their fields. */

const { html, NOTHING } = require('./html.js');
const { FIELD } = require('../secure/csrf.js');

/** @import { Visit } from '../visit.js' */

/**
 * @typedef {object} FieldOptions
 * @property {string} [value]
 * @property {string} [hint]
 * @property {string} [type]
 * @property {boolean} [required]
 * @property {string} [placeholder]
 * @property {string} [scope] tells fields of one name apart on a page
 * @property {string} [list] the id of a datalist
 * @property {number} [min]
 * @property {string} [autocomplete]
 */

/**
 * @param {string} name
 * @param {string} label
 * @param {FieldOptions} [options]
 */
function input(
  name,
  label,
  { value = '', hint, type = 'text', required, placeholder, scope = '', list, min, autocomplete = 'off' } = {},
) {
  const id = `${scope}${scope && '-'}${name}`;
  return html`<div class="field"><label for="${id}">${label}</label><input id="${id}" name="${name}" type="${type}" value="${value}" autocomplete="${autocomplete}"${
    required && html` required`
  }${placeholder && html` placeholder="${placeholder}"`}${list && html` list="${list}"`}${min !== undefined && html` min="${min}"`}${
    hint && html` aria-describedby="${id}-hint"`
  }>${hint && html`<p class="hint" id="${id}-hint">${hint}</p>`}</div>`;
}

/**
 * @param {string} name
 * @param {string} label
 * @param {FieldOptions} [options]
 */
function textarea(name, label, { value = '', hint, required, scope = '' } = {}) {
  const id = `${scope}${scope && '-'}${name}`;
  return html`<div class="field"><label for="${id}">${label}</label><textarea id="${id}" name="${name}" rows="4" spellcheck="false"${
    required && html` required`
  }${hint && html` aria-describedby="${id}-hint"`}>
${value}</textarea>${hint && html`<p class="hint" id="${id}-hint">${hint}</p>`}</div>`;
}

/**
 * @param {string} name
 * @param {string} label
 * @param {readonly (readonly [value: string, label: string])[]} options
 * @param {FieldOptions} [settings]
 */
function select(name, label, options, { value = '', hint, scope = '' } = {}) {
  const id = `${scope}${scope && '-'}${name}`;
  return html`<div class="field"><label for="${id}">${label}</label><select id="${id}" name="${name}"${
    hint && html` aria-describedby="${id}-hint"`
  }>${options.map(
    ([each, text]) => html`<option value="${each}"${each === value && html` selected`}>${text}</option>`,
  )}</select>${hint && html`<p class="hint" id="${id}-hint">${hint}</p>`}</div>`;
}

/**
 * @param {string} name
 * @param {string} value
 */
function hidden(name, value) {
  return html`<input type="hidden" name="${name}" value="${value}">`;
}

/**
 * A form of an action. What it does is done at once, unless the action asks first.
 *
 * @param {Visit} visit
 * @param {string} path of the action
 * @param {unknown} fields
 * @param {string} button
 * @param {{ tone?: 'danger' | 'quiet' | 'primary', describes?: string, className?: string, asks?: boolean }} [options]
 *   `asks`: the action asks first
 */
function actionForm(visit, path, fields, button, { tone = 'primary', describes, className = '', asks } = {}) {
  return html`<form method="post" action="${visit.href(path)}" class="${className}"${asks && html` data-asks`}>${hidden(FIELD, visit.token)}${fields}<button class="button ${tone}" type="submit">${button}${
    describes && html`<span class="hidden"> ${describes}</span>`
  }</button></form>`;
}

/**
 * A form that opens below its title.
 *
 * @param {string} title
 * @param {unknown} form
 * @param {boolean} [isOpen]
 */
function disclosure(title, form, isOpen = false) {
  return html`<details class="disclosure"${isOpen && html` open`}><summary><span class="button">${title}</span></summary><div class="disclosed">${form}</div></details>`;
}

/** What the operator may not do is not offered. @param {Visit} visit @param {import('../../index.js').Permission} permission @param {() => unknown} offer */
function offered(visit, permission, offer) {
  return visit.may(permission) ? offer() : NOTHING;
}

module.exports = { actionForm, disclosure, hidden, input, offered, select, textarea };
