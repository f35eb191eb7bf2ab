/** The results as charts for the documents: ratios to `pg`, so that a longer bar is always better. */
import { mkdirSync } from 'node:fs';
import { median } from './measure.mjs';
import { heading, quietAxis, writeChart } from './svg.mjs';

/**
 * @typedef {import('./run.mjs').Cell} Cell
 * @typedef {import('./svg.mjs').Colours} Colours
 */

/** The drivers, which are shown at every number of calls in flight; each other candidate stands on one of them. */
const DRIVERS = ['ours', 'pg', 'pg-pipeline', 'postgres-js'];

/** Where all candidates are compared, those among them that stand on a driver as well. */
const SHOWN_WITH_ALL = ['session by id'];
const BUSY = 64;

/** @type {Record<string, string>} */
const NAMES = {
  ours: 'auth-postgres',
  pg: 'pg (named statements)',
  'pg-pipeline': 'pg, pipeline mode',
  'postgres-js': 'postgres.js',
  kysely: 'Kysely',
  drizzle: 'Drizzle',
  authjs: 'Auth.js adapter',
  'better-auth': 'Better Auth',
};

/** @param {import('./report.mjs').Results} results */
export function writeCharts({ cells }) {
  const directory = new URL('charts/', import.meta.url);
  mkdirSync(directory, { recursive: true });
  for (const operation of new Set(cells.map((cell) => cell.operation))) {
    const of = cells.filter((cell) => cell.operation === operation);
    const name = operation.toLowerCase().replaceAll(/\W+/g, '-');
    writeChart(directory, name, { width: 760, height: 330 }, (colours) =>
      byLevel(colours, `Calls a second: ${operation}`, of, rate),
    );
    if (SHOWN_WITH_ALL.includes(operation) && of.some(({ inFlight }) => inFlight === BUSY)) {
      writeChart(directory, `${name}-all`, { width: 760, height: 380 }, (colours) => ofAll(colours, operation, of));
    }
  }
  const sessions = cells.filter(({ operation, candidate }) => operation === 'session by id' && candidate !== 'pgbench');
  if (sessions.length === 0) return;
  const title = 'Calls for a second of CPU time in Node.js: session by id';
  writeChart(directory, 'cpu', { width: 760, height: 330 }, (colours) => byLevel(colours, title, sessions, perCpu));
}

/** @param {Cell} cell */
const rate = ({ rounds }) => median(rounds.map((round) => round.rate));
/** @param {Cell} cell */
const perCpu = ({ rounds }) => 1 / median(rounds.map((round) => round.cpu));

/**
 * The drivers side by side, at each number of calls in flight.
 *
 * @param {Colours} colours
 * @param {string} title
 * @param {Cell[]} cells of one operation
 * @param {(cell: Cell) => number} figure
 * @returns {import('echarts').EChartsOption}
 */
function byLevel(colours, title, cells, figure) {
  const levels = [...new Set(cells.map(({ inFlight }) => inFlight))];
  const drivers = DRIVERS.filter((name) => cells.some(({ candidate }) => candidate === name));
  return {
    title: heading(colours, title, 'compared with pg, which is 1 · longer is better'),
    legend: { left: 4, top: 50, itemWidth: 14, itemGap: 40, textStyle: { color: colours.text, fontSize: 13 } },
    grid: { left: 8, right: 8, top: 98, bottom: 30 },
    xAxis: { type: 'category', data: levels.map((level) => `${level} in flight`), ...quietAxis(colours) },
    yAxis: { type: 'value', show: false },
    series: drivers.map((driver, at) => ({
      ...{ type: 'bar', name: NAMES[driver], barGap: '8%', barCategoryGap: '18%' },
      itemStyle: { color: driver === 'ours' ? colours.own : colours.others[at - 1] },
      label: labelOf(colours, driver, 'top'),
      data: levels.map((level) => ratioAt(cells, driver, level, figure)),
    })),
  };
}

/**
 * Every candidate, with many calls in flight.
 *
 * @param {Colours} colours
 * @param {string} operation
 * @param {Cell[]} cells of it
 * @returns {import('echarts').EChartsOption}
 */
function ofAll(colours, operation, cells) {
  const rows = cells
    .filter(({ inFlight, candidate }) => inFlight === BUSY && candidate !== 'pgbench')
    .map((cell) => ({ name: cell.candidate, rate: rate(cell), ratio: ratioAt(cells, cell.candidate, BUSY, rate) }))
    .sort((one, other) => one.rate - other.rate);
  const title = `Calls a second: ${operation}, ${BUSY} calls in flight`;
  return {
    title: heading(colours, title, 'compared with pg, which is 1 · longer is better'),
    grid: { left: 170, right: 150, top: 62, bottom: 8 },
    xAxis: { type: 'value', show: false },
    yAxis: { type: 'category', data: rows.map(({ name }) => NAMES[name] ?? name), ...quietAxis(colours) },
    series: {
      ...{ type: 'bar', barCategoryGap: '28%' },
      data: rows.map(({ name, rate, ratio }) => ({
        value: ratio ?? 0,
        itemStyle: { color: name === 'ours' ? colours.own : colours.others[1] },
        label: {
          ...labelOf(colours, name, 'right'),
          formatter: `${ratio?.toFixed(2)} ×   ${new Intl.NumberFormat('en').format(Math.round(rate / 100) * 100)} /s`,
        },
      })),
    },
  };
}

/**
 * @param {Colours} colours
 * @param {string} candidate
 * @param {'top' | 'right'} position
 */
function labelOf(colours, candidate, position) {
  return {
    ...{ show: true, position, fontSize: 13, color: colours.text },
    fontWeight: candidate === 'ours' ? /** @type {const} */ ('bold') : /** @type {const} */ ('normal'),
    formatter: (/** @type {any} */ { value }) => (value === null ? '' : `${Number(value).toFixed(2)}`),
  };
}

/**
 * @param {Cell[]} cells
 * @param {string} name
 * @param {number} level
 * @param {(cell: Cell) => number} figure
 */
function ratioAt(cells, name, level, figure) {
  const [own, pg] = [name, 'pg'].map((wanted) =>
    cells.find(({ candidate, inFlight }) => candidate === wanted && inFlight === level),
  );
  return own && pg ? figure(own) / figure(pg) : null;
}
