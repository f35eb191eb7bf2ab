/** Icons as SVG, in the colour of the text beside them. */

const { html } = require('./html.js');

/** Outlines on a grid of 20. */
const ICONS = {
  mark: html`<path d="M10 2 3.5 4.5v5c0 4 2.7 6.9 6.5 8.5 3.8-1.6 6.5-4.5 6.5-8.5v-5z"/><path d="m7 10 2.2 2.2L13.2 8"/>`,
  overview: html`<path d="M3 17V9m4.7 8V3m4.6 14V7M17 17v-5"/>`,
  users: html`<circle cx="7.5" cy="7" r="3"/><path d="M2 17c.4-3.2 2.6-5 5.5-5s5.1 1.8 5.5 5M13 4.3a3 3 0 0 1 0 5.4M15 12.5c1.8.7 2.8 2.2 3 4.5"/>`,
  organizations: html`<path d="M3 17.5v-13h8v13M11 8.5h6v9M2 17.5h16M6 8h2M6 11h2M6 14h2M14 12v0M14 15v0"/>`,
  keys: html`<circle cx="6.5" cy="13.5" r="3.5"/><path d="m9 11 7.5-7.5M13 7l2.5 2.5M15 5l1.5 1.5"/>`,
  sso: html`<rect x="3" y="9" width="14" height="8.5" rx="1.5"/><path d="M6 9V6.5a4 4 0 0 1 8 0V9M10 12.5v2"/>`,
  events: html`<path d="M4 3.5h12M4 8h12M4 12.5h8M4 17h6"/>`,
  health: html`<path d="M2 10.5h4l2-6 4 11 2-5h4"/>`,
};

/** @typedef {keyof typeof ICONS} IconName */

/** @param {IconName} name */
function icon(name) {
  return html`<svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">${ICONS[name]}</svg>`;
}

module.exports = { icon };
