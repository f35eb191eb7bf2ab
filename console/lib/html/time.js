/** Times and amounts as people say them. */

const { html } = require('./html.js');

const RELATIVE = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
const NUMBER = new Intl.NumberFormat('en');
const COMPACT = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const SECOND = 1_000;
/** @type {readonly [Intl.RelativeTimeFormatUnit, number][]} */
const UNITS = [
  ['year', 365 * 86_400 * SECOND],
  ['month', 30 * 86_400 * SECOND],
  ['day', 86_400 * SECOND],
  ['hour', 3_600 * SECOND],
  ['minute', 60 * SECOND],
];

/** @param {Date} date */
function exact(date) {
  return `${date.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/**
 * @param {Date} date
 * @param {number} [now]
 */
function relative(date, now = Date.now()) {
  const difference = date.getTime() - now;
  const [unit, length] = UNITS.find((each) => Math.abs(difference) >= each[1]) ?? [];
  if (unit === undefined || length === undefined)
    return Math.abs(difference) < 45 * SECOND ? 'just now' : difference < 0 ? 'a minute ago' : 'in a minute';
  return RELATIVE.format(Math.trunc(difference / length), unit);
}

/**
 * A time as it is from now, with the exact one in its title.
 *
 * @param {Date | undefined} date
 */
function time(date) {
  if (date === undefined) return html`<span class="faint">never</span>`;
  return html`<time datetime="${date.toISOString()}" title="${exact(date)}">${relative(date)}</time>`;
}

/** @param {Date} date */
function exactTime(date) {
  return html`<time datetime="${date.toISOString()}" title="${relative(date)}">${exact(date)}</time>`;
}

/** @param {number} value */
function number(value) {
  return NUMBER.format(value);
}

/** @param {number} value */
function compact(value) {
  return value < 10_000 ? NUMBER.format(value) : COMPACT.format(value);
}

/** @param {number} ms */
function duration(ms) {
  if (ms < 1) return `${Math.max(ms, 0).toFixed(2)} ms`;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < SECOND) return `${Math.round(ms)} ms`;
  return `${(ms / SECOND).toFixed(1)} s`;
}

/**
 * `1 session`, `2 sessions`.
 *
 * @param {number} count
 * @param {string} one
 * @param {string} [many]
 */
function counted(count, one, many = `${one}s`) {
  return `${number(count)} ${count === 1 ? one : many}`;
}

module.exports = { compact, counted, duration, exact, exactTime, number, relative, time };
