/**
 * Charts as SVG made on the server. The bars stretch with the page, and all text stays outside of the picture as ordinary
 * text, so that it is legible on every screen. What a chart shows can also be opened as a table.
 */

const { html } = require('./html.js');
const { compact, number } = require('./time.js');
const { slug } = require('./parts.js');

/** @import { Tone } from './parts.js' */

/** @typedef {{ name: string, tone: Tone }} Series */
/** @typedef {{ label: string, title: string, values: number[] }} Bucket one value for each series */

const HEIGHT = 100;
const SLOT = 10;
const BAR = 7;

/**
 * Bars over time, the series on top of each other.
 *
 * @param {string} title
 * @param {readonly Series[]} series
 * @param {readonly Bucket[]} buckets
 */
function barChart(title, series, buckets) {
  const top = niceCeiling(Math.max(1, ...buckets.map(({ values }) => sum(values))));
  const id = slug(title);
  const totals = series.map((_, index) => sum(buckets.map(({ values }) => values[index] ?? 0)));
  const summary = series.map(({ name }, index) => `${name}: ${number(totals[index] ?? 0)}`).join(', ');
  const every = Math.ceil(buckets.length / 8);
  return html`<figure class="chart"><ul class="legend">${series.map(
    ({ name, tone }, index) =>
      html`<li><span class="swatch ${tone}"></span>${name} <strong>${number(totals[index] ?? 0)}</strong></li>`,
  )}</ul>
<div class="plot"><div class="scale" aria-hidden="true"><span>${compact(top)}</span><span>${compact(top / 2)}</span><span>0</span></div>
<svg viewBox="0 0 ${buckets.length * SLOT} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-labelledby="${id}-label">
<title id="${id}-label">${title}. ${summary}.</title>
<path class="grid" d="M0 .5H${buckets.length * SLOT}M0 ${HEIGHT / 2}H${buckets.length * SLOT}M0 ${HEIGHT - 0.5}H${buckets.length * SLOT}"/>
${buckets.map((bucket, index) => stack(bucket, index, series, top))}</svg>
<ol class="times" aria-hidden="true">${buckets.map(({ label }, index) =>
    index % every === 0 ? html`<li>${label}</li>` : html`<li class="between"></li>`,
  )}</ol></div>
<details class="numbers"><summary>Show the numbers</summary><div class="scroll" role="region" aria-label="${title}, numbers" tabindex="0"><table class="plain"><caption class="hidden">${title}</caption><thead><tr><th scope="col">Time (UTC)</th>${series.map(
    ({ name }) => html`<th scope="col" class="number">${name}</th>`,
  )}</tr></thead><tbody>${buckets.map(
    ({ title: when, values }) =>
      html`<tr><th scope="row">${when}</th>${values.map((value) => html`<td class="number">${number(value)}</td>`)}</tr>`,
  )}</tbody></table></div></details></figure>`;
}

/**
 * @param {Bucket} bucket
 * @param {number} index
 * @param {readonly Series[]} series
 * @param {number} top
 */
function stack({ title, values }, index, series, top) {
  let y = HEIGHT;
  const text = `${title}: ${series.map(({ name }, each) => `${number(values[each] ?? 0)} ${name.toLowerCase()}`).join(', ')}`;
  const bars = values.map((value, each) => {
    // What is there is seen, however little it is.
    const height = value === 0 ? 0 : Math.max((value / top) * HEIGHT, 1);
    y -= height;
    return html`<rect class="${series[each]?.tone ?? ''}" x="${index * SLOT + (SLOT - BAR) / 2}" y="${y.toFixed(2)}" width="${BAR}" height="${height.toFixed(2)}"/>`;
  });
  return html`<g><title>${text}</title><rect class="slot" x="${index * SLOT}" y="0" width="${SLOT}" height="${HEIGHT}"/>${bars}</g>
`;
}

/**
 * A bar with a value beside it, of the whole length for `most`.
 *
 * @param {number} value
 * @param {number} most
 * @param {string} text
 * @param {Tone} [tone]
 */
function meter(value, most, text, tone = 'accent') {
  const width = most > 0 ? Math.min(100, Math.max((value / most) * 100, value > 0 ? 1 : 0)) : 0;
  return html`<span class="meter"><svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true"><rect class="track" width="100" height="6"/><rect class="${tone}" width="${width.toFixed(1)}" height="6"/></svg><span class="text">${text}</span></span>`;
}

/**
 * One bar of several parts, with a legend.
 *
 * @param {string} title
 * @param {readonly { name: string, value: number, tone: Tone }[]} parts
 */
function partsBar(title, parts) {
  const total = Math.max(1, sum(parts.map(({ value }) => value)));
  let x = 0;
  const bars = parts.map(({ name, value, tone }) => {
    const width = (value / total) * 100;
    const bar = html`<rect class="${tone}" x="${x.toFixed(2)}" width="${width.toFixed(2)}" height="10"><title>${name}: ${number(value)}</title></rect>`;
    x += width;
    return bar;
  });
  const summary = parts.map(({ name, value }) => `${name}: ${number(value)}`).join(', ');
  return html`<figure class="parts"><svg viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label="${title}. ${summary}.">${bars}</svg><ul class="legend">${parts.map(
    ({ name, value, tone }) =>
      html`<li><span class="swatch ${tone}"></span>${name} <strong>${number(value)}</strong></li>`,
  )}</ul></figure>`;
}

/** The next of 1, 2, 4, 5, 6, 8 and 10 times a power of ten. @param {number} value */
function niceCeiling(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  const steps = power === 1 ? [2, 4, 6, 8, 10] : [1, 2, 4, 5, 6, 8, 10];
  return (steps.find((step) => step * power >= value) ?? 10) * power;
}

/** @param {readonly number[]} values */
function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}

module.exports = { barChart, meter, niceCeiling, partsBar };
