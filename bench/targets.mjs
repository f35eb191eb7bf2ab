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
  { operation: 'request context', against: 'ours-in-sequence', figure: 'rate', bounds: [1.8, 1.8, 1, 1] },
  { operation: 'request context', against: 'pg', figure: 'rate', bounds: [1.8, 1.8, 3, 4] },
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

/** @param {import('./run.mjs').Cell[]} cells */
export function targetsTable(cells) {
  /** @param {string} candidate @param {string} operation @param {number} inFlight @param {keyof typeof FIGURES} figure */
  const value = (candidate, operation, inFlight, figure) => {
    const cell = cells.find(
      (each) => each.candidate === candidate && each.operation === operation && each.inFlight === inFlight,
    );
    return cell && median(cell.rounds.map((round) => round[figure]));
  };
  const rows = TARGETS.map(({ operation, against, figure, bounds }) => {
    const { title, isMet } = FIGURES[figure];
    const columns = LEVELS.map((inFlight, at) => {
      const bound = bounds[at];
      const ours = value('ours', operation, inFlight, figure);
      const theirs = value(against, operation, inFlight, figure);
      if (ours === undefined || theirs === undefined) return '–';
      const ratio = ours / theirs;
      if (bound === undefined) return ratio.toFixed(2);
      return `${ratio.toFixed(2)} (${figure === 'rate' ? '≥' : '≤'} ${bound}) ${isMet(ratio, bound) ? 'met' : '**missed**'}`;
    });
    return `| ${operation}, ${title}, against ${against} | ${columns.join(' | ')} |`;
  });
  return [
    `| ratio | ${LEVELS.map((level) => `${level} in flight`).join(' | ')} |`,
    '|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}
