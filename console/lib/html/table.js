/** Tables, which narrow screens show as a list of cards: each cell then stands beside the name of its column. */

const { html } = require('./html.js');

/** @import { Html } from './html.js' */

/**
 * @template Row
 * @typedef {object} Column
 * @property {string} head
 * @property {(row: Row) => unknown} cell
 * @property {'number' | 'actions' | 'main' | 'wide'} [kind]
 */

/**
 * @template Row
 * @param {string} caption for screen readers
 * @param {Column<Row>[]} columns
 * @param {readonly Row[]} rows
 * @param {(row: Row) => string} [keyOf] names a row, so that a page that is read again finds it
 * @returns {Html}
 */
function table(caption, columns, rows, keyOf) {
  const heads = columns.map(({ head, kind = '' }) =>
    kind === 'actions'
      ? html`<th role="columnheader" scope="col" class="actions"><span class="hidden">${head}</span></th>`
      : html`<th role="columnheader" scope="col" class="${kind}">${head}</th>`,
  );
  const lines = rows.map(
    (row) => html`<tr role="row" data-key="${keyOf?.(row) ?? ''}">${columns.map(
      ({ head, cell, kind = '' }) =>
        html`<td role="cell" class="${kind}" data-head="${head}"><div class="cell">${cell(row)}</div></td>`,
    )}</tr>
`,
  );
  return html`<table role="table"><caption class="hidden">${caption}</caption>
<thead role="rowgroup"><tr role="row">${heads}</tr></thead>
<tbody role="rowgroup">
${lines}</tbody></table>`;
}

module.exports = { table };
