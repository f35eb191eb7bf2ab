/** Draws the way of a call, for ARCHITECTURE.md: `npm run docs` writes docs/call-light.svg and docs/call-dark.svg. */
const { COLOURS, FONT } = require('./colours.cjs');

/** @typedef {import('./colours.cjs').Colours} Colours */

const WIDTH = 830;
const HEIGHT = 420;
/** The left edges of five columns, and the width of a box. */
const COLUMNS = [14, 179, 344, 509, 674];
const BOX = 142;

/** The heading of a lane, where it begins, and how high it is. @type {[string, number, number][]} */
const LANES = [
  ['JavaScript’s thread', 4, 128],
  ['The core, in Rust', 156, 150],
  ['PostgreSQL', 330, 86],
];

/**
 * The title of a box, its lines, its column, where it begins, and how high it is. What is ours is drawn in the colour of
 * this package.
 *
 * @type {{title: string, lines: string[], column: number, y: number, height: number, isOurs?: boolean, columns?: number}[]}
 */
const BOXES = [
  { title: 'your application', lines: ['await getSession(id)'], column: 0, y: 36, height: 84 },
  {
    ...{ title: 'lib/', column: 1, y: 36, height: 84, isOurs: true },
    lines: ['checks and encodes', 'the arguments, and', 'keeps the promise'],
  },
  { title: 'lib/', lines: ['decodes the JSON,', 'settles the promise'], column: 3, y: 36, height: 84, isOurs: true },
  { title: 'your application', lines: ['goes on after await'], column: 4, y: 36, height: 84 },
  {
    ...{ title: 'adapter/', column: 1, y: 188, height: 106, isOurs: true },
    lines: ['starts the work and', 'returns the call’s', 'number at once'],
  },
  {
    ...{ title: 'db/batch/, store/', column: 2, y: 188, height: 106, isOurs: true },
    lines: ['one statement for up', 'to 256 calls that wait', 'at the same time;', 'or one for this call'],
  },
  {
    ...{ title: 'db/run/, db/pool/', column: 3, y: 188, height: 106, isOurs: true },
    lines: ['a connection;', 'repeats what may be', 'repeated; the kind', 'of an error'],
  },
  {
    ...{ title: 'bridge/', column: 4, y: 188, height: 106, isOurs: true },
    lines: ['a queue of results;', 'wakes the thread up', 'once for all that', 'are in it'],
  },
  {
    ...{ title: 'one round trip', column: 3, y: 348, height: 56 },
    lines: ['a prepared statement'],
  },
];

/** Corners of the arrows, and what is said beside them. @type {[string, string?, number?, number?][]} */
const ARROWS = [
  ['M156 78 H176'],
  ['M250 120 V185', 'JSON text', 258, 148],
  ['M321 241 H341'],
  ['M486 241 H506'],
  ['M562 294 V345'],
  ['M598 348 V297', 'rows', 606, 322],
  ['M651 241 H671'],
  ['M745 188 V142 H580 V123', 'JSON text', 753, 148],
  ['M651 78 H671'],
];

/** @param {'light' | 'dark'} theme */
function callDiagram(theme) {
  const colours = COLOURS[theme];
  const parts = [
    ...LANES.map((lane) => laneOf(colours, lane)),
    ...BOXES.map((box) => boxOf(colours, box)),
    ...ARROWS.map((arrow) => arrowOf(colours, arrow)),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="${FONT}" font-size="13" fill="${colours.text}">
<defs><marker id="head" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="${colours.text}"/></marker></defs>
${parts.join('\n')}
</svg>
`;
}

/** @param {Colours} colours @param {(typeof LANES)[number]} lane */
function laneOf({ faint }, [heading, y, height]) {
  const frame = `<rect x="4" y="${y}" width="${WIDTH - 8}" height="${height}" rx="8" fill="none" stroke="${faint}" stroke-dasharray="4 4"/>`;
  return `${frame}\n<text x="16" y="${y + 20}" font-weight="600">${heading}</text>`;
}

/** @param {Colours} colours @param {(typeof BOXES)[number]} box */
function boxOf({ own, others }, { title, lines, column, y, height, isOurs }) {
  const x = COLUMNS[column];
  const stroke = isOurs ? own : others[0];
  const frame = `<rect x="${x}" y="${y}" width="${BOX}" height="${height}" rx="6" fill="${stroke}" fill-opacity="0.1" stroke="${stroke}" stroke-width="1.5"/>`;
  const heading = `<text x="${x + 10}" y="${y + 21}" font-weight="600">${title}</text>`;
  const texts = lines.map((line, at) => `<text x="${x + 10}" y="${y + 41 + at * 17}">${line}</text>`);
  return [frame, heading, ...texts].join('\n');
}

/** @param {Colours} colours @param {(typeof ARROWS)[number]} arrow */
function arrowOf({ text }, [path, label, x, y]) {
  const line = `<path d="${path}" fill="none" stroke="${text}" stroke-width="1.5" marker-end="url(#head)"/>`;
  return label ? `${line}\n<text x="${x}" y="${y}" font-size="12">${label}</text>` : line;
}

module.exports = { callDiagram };
