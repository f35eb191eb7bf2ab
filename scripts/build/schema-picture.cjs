/**
 * Draws how the tables of a migrated database refer to each other, as small as it can be read: `npm run docs` writes
 * docs/schema-light.svg and docs/schema-dark.svg, and a test compares them with the catalogue.
 */
const { COLOURS, FONT } = require('./colours.cjs');
const { catalogueOf } = require('./schema-diagram.cjs');

/** @typedef {{from: string, to: string, on_delete: string}} Reference */
/** @typedef {{table: string, column: keyof typeof COLUMNS, row: number, rows: number}} Place */

const WIDTH = 830;
const TOP = 12;
const ROW = 44;
const BOX = 34;
/** The left edges and widths of the columns. */
const COLUMNS = {
  grandchildren: { x: 8, width: 168 },
  children: { x: 204, width: 168 },
  users: { x: 400, width: 72 },
  shared: { x: 500, width: 154 },
  organizations: { x: 682, width: 118 },
};

/**
 * @param {(sql: string) => Promise<any[]>} query of a connection whose search path leads to the tables
 * @param {'light' | 'dark'} theme
 */
async function pictureOf(query, theme) {
  const { tables, references } = await catalogueOf(query);
  const { places, alone } = placesOf(tables, references);
  const rows = Math.max(...places.map(({ row, rows }) => row + rows));
  const height = TOP + (rows + 1.5) * ROW;
  const { own, others, text } = COLOURS[theme];
  const boxes = [
    ...places.map((place) => boxOf(frameOf(place), place.table, isHub(place.table) ? own : others[0])),
    ...alone.map((table, at) => boxOf(frameAlone(at, alone.length, rows), table, others[0])),
  ];
  const arrows = references.filter(({ from, to }) => from !== to).map((reference) => arrowOf(places, reference, text));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="${FONT}" font-size="12" fill="${text}">
<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="${text}"/></marker></defs>
${[...arrows, ...boxes].join('\n')}
<text x="8" y="${TOP + (rows + 0.35) * ROW}">These refer to no other table:</text>
</svg>
`;
}

/** @param {string} table */
const isHub = (table) => table === 'users' || table === 'organizations';

/**
 * What refers to users alone stands on their left, and what refers to that further left. Organizations and what refers to them
 * alone are on the right, and what refers to both sides is in between.
 *
 * @param {string[]} tables
 * @param {Reference[]} references
 */
function placesOf(tables, references) {
  const targets = (/** @type {string} */ table) =>
    references.filter(({ from, to }) => from === table && to !== table).map(({ to }) => to);
  const areAll = (/** @type {string} */ table, /** @type {string} */ target) =>
    targets(table).length > 0 && targets(table).every((to) => to === target);
  const others = tables.filter((table) => !isHub(table));
  const alone = others.filter((table) => targets(table).length === 0);
  const children = others.filter((table) => areAll(table, 'users'));
  const right = others.filter((table) => areAll(table, 'organizations'));
  const grandchildren = others.filter((table) => targets(table).some((to) => children.includes(to)));
  const rest = others.filter((table) => ![alone, children, right, grandchildren].some((each) => each.includes(table)));
  const lost = rest.filter((table) => !targets(table).some((to) => to === 'organizations' || right.includes(to)));
  if (lost.length > 0) throw new Error(`The picture of the schema has no place for ${lost}.`);

  /** @type {Place[]} */
  const places = [];
  let row = 1;
  for (const table of children) {
    const refersToUsers = (/** @type {string} */ each) => Number(targets(each).includes('users'));
    // Last is what refers to users as well: its arrow leads below the table that stands in between.
    const own = grandchildren
      .filter((each) => targets(each).includes(table))
      .sort((one, other) => refersToUsers(one) - refersToUsers(other));
    const rows = Math.max(1, own.length);
    places.push({ table, column: 'children', row, rows });
    for (const [at, each] of own.entries())
      places.push({ table: each, column: 'grandchildren', row: row + at, rows: 1 });
    row += rows;
  }
  const left = row;
  row = 1;
  // An arrow to a table on the right is straight if both are in one row.
  for (const target of [undefined, ...right]) {
    const own = rest.filter((table) => right.find((each) => targets(table).includes(each)) === target);
    const first = row;
    for (const table of own) places.push({ table, column: 'shared', row: row++, rows: 1 });
    if (target === undefined) places.push({ table: 'organizations', column: 'organizations', row: 0, rows: row });
    else places.push({ table: target, column: 'organizations', row: first, rows: Math.max(1, own.length) });
    if (own.length === 0 && target !== undefined) row++;
  }
  places.push({ table: 'users', column: 'users', row: 0, rows: Math.max(left, row) });
  return { places, alone };
}

/** @param {Place} place */
function frameOf({ column, row, rows }) {
  const { x, width } = COLUMNS[column];
  return { x, y: TOP + row * ROW, width, height: (rows - 1) * ROW + BOX };
}

/** @param {number} at @param {number} count @param {number} rows */
function frameAlone(at, count, rows) {
  const width = (WIDTH - 16 - (count - 1) * 12) / count;
  return { x: 8 + at * (width + 12), y: TOP + (rows + 0.55) * ROW, width, height: BOX };
}

/** @typedef {ReturnType<typeof frameOf>} Frame */

/** @param {Frame} frame @param {string} table @param {string} colour */
function boxOf({ x, y, width, height }, table, colour) {
  const lines = linesOf(table, Math.floor((width - 16) / 6.4));
  const first = y + height / 2 + 4 - (lines.length - 1) * 7;
  const texts = lines.map((line, at) => `<tspan x="${x + width / 2}" y="${first + at * 14}">${line}</tspan>`);
  return `<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="6" fill="${colour}" fill-opacity="0.1" stroke="${colour}" stroke-width="1.5"/>
<text text-anchor="middle">${texts.join('')}</text>`;
}

/** A long name has two lines. @param {string} table @param {number} letters that a line may have */
function linesOf(table, letters) {
  if (table.length <= letters) return [table];
  const cut = table.lastIndexOf('_', letters - 1) + 1;
  return [table.slice(0, cut), table.slice(cut)];
}

/** @param {Place[]} places @param {Reference} reference @param {string} colour */
function arrowOf(places, { from, to, on_delete }, colour) {
  const [source, target] = [from, to].map((table) => places.find((place) => place.table === table));
  if (!source || !target) throw new Error(`The picture of the schema has no place for ${from} and ${to}.`);
  const dashes = on_delete === 'c' ? '' : ' stroke-dasharray="4 3"';
  return `<path d="${pathOf(source, target)}" fill="none" stroke="${colour}" stroke-width="1.2"${dashes} marker-end="url(#head)"/>`;
}

/** @param {Place} source @param {Place} target */
function pathOf(source, target) {
  const [from, to] = [frameOf(source), frameOf(target)];
  const middle = from.y + BOX / 2;
  const [end, far] = [from.x + from.width, to.x + to.width];
  // Along the right edge of the picture.
  if (source.column === target.column) return `M${end} ${middle} H${end + 16} V${to.y + BOX / 2} H${far + 1}`;
  if (from.x > to.x) return `M${from.x} ${middle} H${far + 1}`;
  const isOver = source.column === 'grandchildren' && target.column === 'users';
  if (isOver) return `M${from.x + 24} ${from.y + BOX} V${from.y + BOX + 5} H${to.x - 1}`;
  const isStraight = source.row >= target.row && source.row < target.row + target.rows;
  if (isStraight) return `M${end} ${middle} H${to.x - 1}`;
  return `M${end} ${middle - 9} H${end + 14} V${to.y + to.height - 6} H${to.x - 1}`;
}

module.exports = { pictureOf };
