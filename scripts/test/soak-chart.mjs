/** Throughput, failures and memory over the time of a soak, as SVG. */
import { init } from 'echarts';

/** @typedef {{ seconds: number, callsPerSecond: number, failuresPerSecond: number, rssMb: number, heapMb: number }} Sample */

/** @param {{ samples: Sample[], happened: { seconds: number, name: string }[] }} soak */
export function chartOf({ samples, happened }) {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: 1_100, height: 460 });
  /** @param {keyof Sample} key */
  const points = (key) => samples.map((sample) => [round(sample.seconds), round(sample[key])]);
  const line = { type: /** @type {const} */ ('line'), showSymbol: false };
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    color: ['#2563eb', '#dc2626', '#6b7280', '#16a34a'],
    legend: { top: 8 },
    grid: { left: 70, right: 70, top: 48, bottom: 48 },
    xAxis: { type: 'value', name: 'seconds', nameLocation: 'middle', nameGap: 28, max: 'dataMax' },
    yAxis: [
      { type: 'value', name: 'calls a second' },
      { type: 'value', name: 'MB', splitLine: { show: false } },
    ],
    series: [
      {
        ...line,
        name: 'successful calls',
        data: points('callsPerSecond'),
        markLine: {
          silent: true,
          symbol: 'none',
          label: { show: false },
          lineStyle: { color: '#f59e0b', width: 0.6, opacity: 0.7 },
          data: happened.map(({ seconds, name }) => ({ xAxis: round(seconds), name })),
        },
      },
      { ...line, name: 'failed calls', data: points('failuresPerSecond') },
      { ...line, name: 'resident memory', yAxisIndex: 1, data: points('rssMb') },
      { ...line, name: 'heap after collection', yAxisIndex: 1, data: points('heapMb') },
    ],
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return `${svg}\n`;
}

/** @param {number} number */
function round(number) {
  return Math.round(number * 10) / 10;
}
