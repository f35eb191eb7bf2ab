/** The results as SVG, one file an operation, for the README. */
import { mkdirSync, writeFileSync } from 'node:fs';
import * as echarts from 'echarts';
import { median } from './measure.mjs';

const SIZE = { width: 760, height: 360 };

/** @param {import('./report.mjs').Results} results */
export function writeCharts({ cells, settings }) {
  const directory = new URL('charts/', import.meta.url);
  mkdirSync(directory, { recursive: true });
  for (const operation of new Set(cells.map((cell) => cell.operation))) {
    const name = operation.toLowerCase().replaceAll(/\W+/g, '-');
    const of = cells.filter((cell) => cell.operation === operation);
    writeFileSync(new URL(`${name}.svg`, directory), chart(`${operation}: calls/s`, of, 'rate'));
  }
  const sessions = cells.filter(({ operation, candidate }) => operation === 'session by id' && candidate !== 'pgbench');
  if (sessions.length > 0) {
    const title = `session by id: CPU of the Node process, µs a call (${settings.pool} connections)`;
    writeFileSync(new URL('cpu.svg', directory), chart(title, sessions, 'cpu'));
  }
}

/**
 * @param {string} title
 * @param {import('./run.mjs').Cell[]} cells of one operation
 * @param {'rate' | 'cpu'} figure
 */
function chart(title, cells, figure) {
  const levels = [...new Set(cells.map(({ inFlight }) => inFlight))];
  const candidates = [...new Set(cells.map(({ candidate }) => candidate))];
  const instance = echarts.init(null, null, { renderer: 'svg', ssr: true, ...SIZE });
  instance.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    title: { text: title, left: 'center', textStyle: { fontSize: 15 } },
    legend: { bottom: 0 },
    grid: { left: 70, right: 20, top: 45, bottom: 60 },
    xAxis: { type: 'category', data: levels.map((level) => `${level} in flight`) },
    yAxis: { type: 'value' },
    series: candidates.map((candidate) => ({
      ...{ type: 'bar', name: candidate },
      data: levels.map((level) => {
        const cell = cells.find((each) => each.candidate === candidate && each.inFlight === level);
        return cell ? Math.round(median(cell.rounds.map((round) => round[figure])) * 10) / 10 : null;
      }),
    })),
  });
  const svg = instance.renderToSVGString();
  instance.dispose();
  return `${svg}\n`;
}
