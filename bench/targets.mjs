/** What the package promises, as ratios within one run. */
import { median } from './measure.mjs';

/** Calls in flight for which there are promises. */
const LEVELS = [1, 8, 64, 256];

/**
 * Rows of the table: what, against whom, the figure, and the bound at each level.
 *
 * @type {{operation: string, against: string, figure: 'rate' | 'cpu' | 'p99' | 'loopP99', bounds: (number | undefined)[]}[]}
 */
const TARGETS = [
  { operation: 'session by id', against: 'pg', figure: 'rate', bounds: [1, 1.4, 3.5, 5] },
  { operation: 'session by id', against: 'postgres-js', figure: 'rate', bounds: [1, 1.2, 2.2, 3] },
  { operation: 'session by id', against: 'pgbench', figure: 'rate', bounds: [undefined, undefined, 1.6, 2] },
  { operation: 'emit event', against: 'pg', figure: 'rate', bounds: [1, 2, 5, 8] },
  { operation: 'create session', against: 'pg', figure: 'rate', bounds: [1, 1.2, 2, 2] },
  { operation: 'update session', against: 'pg', figure: 'rate', bounds: [1, 1.2, 2, 2] },
  { operation: 'request mix', against: 'pg', figure: 'rate', bounds: [1, 1.4, 3, 4] },
  { operation: 'session by id', against: 'pg', figure: 'cpu', bounds: [1.1, 0.7, 0.3, 0.25] },
  { operation: 'session by id', against: 'pg', figure: 'p99', bounds: [undefined, undefined, 1, undefined] },
  { operation: 'session by id', against: 'pg', figure: 'loopP99', bounds: [undefined, undefined, 0.5, 0.5] },
];

const FIGURES = {
  rate: { title: 'calls/s', isMet: (/** @type {number} */ ratio, /** @type {number} */ bound) => ratio >= bound },
  cpu: {
    title: 'CPU of Node per call',
    isMet: (/** @type {number} */ ratio, /** @type {number} */ bound) => ratio <= bound,
  },
  p99: { title: 'p99', isMet: (/** @type {number} */ ratio, /** @type {number} */ bound) => ratio <= bound },
  loopP99: {
    title: 'event-loop delay p99',
    isMet: (/** @type {number} */ ratio, /** @type {number} */ bound) => ratio <= bound,
  },
};

/** The candidates that a target needs, by operation. @type {Record<string, string[]>} */
export const TARGETED = {};
for (const { operation, against } of TARGETS) {
  TARGETED[operation] = [...new Set([...(TARGETED[operation] ?? ['ours']), against])];
}

/** At how many calls in flight whose rate is taken for the paced rounds; and the bound on the event loop's delay in them. */
export const PACED = { operation: 'session by id', inFlight: 64, against: 'pg', loopP99: 0.5 };

/** @typedef {import('./run.mjs').Cell} Cell */

/**
 * @param {Cell[]} cells
 * @param {{operation: string, inFlight: number, candidate: string}} which
 * @param {keyof typeof FIGURES} figure
 */
export function figureOf(cells, which, figure = 'rate') {
  const cell = cells.find(
    (each) =>
      each.candidate === which.candidate && each.operation === which.operation && each.inFlight === which.inFlight,
  );
  return cell && median(cell.rounds.map((round) => round[figure]));
}

/** @param {number | undefined} ours @param {number | undefined} theirs @param {keyof typeof FIGURES} figure @param {number | undefined} bound */
function verdict(ours, theirs, figure, bound) {
  if (ours === undefined || theirs === undefined) return '–';
  const ratio = ours / theirs;
  if (bound === undefined) return ratio.toFixed(2);
  const isMet = FIGURES[figure].isMet(ratio, bound);
  return `${ratio.toFixed(2)} (${figure === 'rate' ? '≥' : '≤'} ${bound}) ${isMet ? 'met' : '**missed**'}`;
}

/** @param {{cells: Cell[], paced?: import('./run.mjs').Paced | undefined}} results */
export function targetsTable({ cells, paced }) {
  const rows = TARGETS.map(({ operation, against, figure, bounds }) => {
    const columns = LEVELS.map((inFlight, at) => {
      const of = (/** @type {string} */ candidate) => figureOf(cells, { operation, inFlight, candidate }, figure);
      return verdict(of('ours'), of(against), figure, bounds[at]);
    });
    return `| ${operation}, ${FIGURES[figure].title}, against ${against} | ${columns.join(' | ')} |`;
  });
  return [
    `| ratio | ${LEVELS.map((level) => `${level} in flight`).join(' | ')} |`,
    '|---|---|---|---|---|',
    ...rows,
    ...(paced ? ['', pacedLine(paced)] : []),
  ].join('\n');
}

/** @param {import('./run.mjs').Paced} paced */
function pacedLine({ operation, perSecond, candidates }) {
  const of = (/** @type {string} */ name) => {
    const found = candidates.find(({ candidate }) => candidate === name);
    return found && median(found.rounds.map(({ loopP99 }) => loopP99));
  };
  const { against, loopP99 } = PACED;
  return `${operation}, ${perSecond} calls a second: event-loop delay p99 against ${against} ${verdict(of('ours'), of(against), 'loopP99', loopP99)}`;
}
