/** A soak as a chart: what was lost or done twice, throughput and memory over time, and when a fault happened. */
import { heading, quietAxis, writeChart } from '../../bench/svg.mjs';

/**
 * @typedef {import('../../bench/svg.mjs').Colours} Colours
 * @typedef {{ seconds: number, callsPerSecond: number, failuresPerSecond: number, rssMb: number, heapMb: number }} Sample
 * @typedef {object} Soak
 * @property {number} minutes
 * @property {number} calls
 * @property {number} differences between what the callers were told and what the tables hold
 * @property {{ seconds: number, name: string }[]} happened
 * @property {Sample[]} samples one a second
 */

/** Each point of the chart stands for so many seconds. */
const STEP = 10;

/**
 * Writes `soak-light.svg` and `soak-dark.svg`.
 *
 * @param {URL} directory
 * @param {Soak} soak
 */
export function writeSoakChart(directory, soak) {
  writeChart(directory, 'soak', { width: 760, height: 470 }, (colours) => option(colours, soak));
}

/**
 * @param {Colours} colours
 * @param {Soak} soak
 * @returns {import('echarts').EChartsOption}
 */
function option(colours, { minutes, calls, differences, happened, samples }) {
  const grid = { left: 64, right: 16 };
  const max = Math.max(1, minutes * 60);
  /** @param {number} gridIndex */
  const time = (gridIndex) => ({
    ...{ gridIndex, type: /** @type {const} */ ('value'), max, splitLine: { show: false } },
    ...quietAxis(colours),
  });
  /** @param {number} gridIndex @param {string} name */
  const amount = (gridIndex, name) => ({
    ...{ gridIndex, name, type: /** @type {const} */ ('value'), splitNumber: 3 },
    nameTextStyle: { align: /** @type {const} */ ('left'), color: colours.text, fontSize: 13, padding: [0, 0, 0, -52] },
    splitLine: { lineStyle: { color: colours.faint } },
    ...quietAxis(colours),
  });
  const count = (/** @type {number} */ number) => new Intl.NumberFormat('en').format(number);
  return {
    title: heading(
      colours,
      `Writes lost or done twice: ${differences}`,
      `${count(calls)} calls and ${happened.length} faults in ${minutes} minutes; each mark is a fault`,
    ),
    grid: [
      { ...grid, top: 92, height: 170 },
      { ...grid, top: 316, height: 120 },
    ],
    xAxis: [
      { ...time(0), axisLabel: { show: false } },
      { ...time(1), axisLabel: { color: colours.text, fontSize: 13, formatter: '{value} s' } },
    ],
    yAxis: [amount(0, `calls a second, in steps of ${STEP} s`), amount(1, 'resident memory, MiB')],
    series: [
      {
        ...{ ...lineOf(colours.own), areaStyle: { opacity: 0.2 }, data: steps(samples, 'callsPerSecond') },
        markLine: {
          ...{ silent: true, symbol: 'none', label: { show: false } },
          lineStyle: { color: colours.event, width: 1, type: 'solid' },
          // At the foot of the chart, so that they do not hide the line.
          data: happened.map(({ seconds }) => [
            { coord: [seconds, 0], symbol: 'none' },
            { coord: [seconds, 0.06 * Math.max(...samples.map(({ callsPerSecond }) => callsPerSecond))] },
          ]),
        },
      },
      { ...lineOf(colours.own), xAxisIndex: 1, yAxisIndex: 1, data: steps(samples, 'rssMb') },
    ],
  };
}

/** @param {string} color */
function lineOf(color) {
  return { type: /** @type {const} */ ('line'), showSymbol: false, lineStyle: { width: 2 }, color };
}

/**
 * The means of steps of equal length.
 *
 * @param {Sample[]} samples
 * @param {keyof Sample} key
 */
function steps(samples, key) {
  /** @type {Map<number, number[]>} */
  const found = new Map();
  for (const sample of samples) {
    const step = Math.floor(sample.seconds / STEP);
    found.set(step, [...(found.get(step) ?? []), sample[key]]);
  }
  return [...found].map(([step, values]) => [
    (step + 0.5) * STEP,
    Math.round(values.reduce((sum, each) => sum + each, 0) / values.length),
  ]);
}
