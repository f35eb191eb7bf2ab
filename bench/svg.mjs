/** Charts as SVG files, one for light pages and one for dark ones. */
import { writeFileSync } from 'node:fs';
import { init } from 'echarts';

/** @typedef {{own: string, others: string[], bad: string, event: string, text: string, faint: string}} Colours */

const FONT = 'ui-sans-serif, system-ui, Segoe UI, Helvetica, Arial, sans-serif';

/** The background is the page's. @type {Record<'light' | 'dark', Colours>} */
const COLOURS = {
  light: {
    own: '#0969da',
    others: ['#6e7781', '#8c959f', '#afb8c1', '#d0d7de'],
    ...{ bad: '#cf222e', event: '#d4a72c', text: '#1f2328', faint: '#d0d7de' },
  },
  dark: {
    own: '#4493f8',
    others: ['#9198a1', '#7d8590', '#656c76', '#484f58'],
    ...{ bad: '#f85149', event: '#9e6a03', text: '#e6edf3', faint: '#3d444d' },
  },
};

/**
 * Writes `<name>-light.svg` and `<name>-dark.svg`.
 *
 * @param {URL} directory
 * @param {string} name
 * @param {{width: number, height: number}} size
 * @param {(colours: Colours) => import('echarts').EChartsOption} optionOf
 */
export function writeChart(directory, name, size, optionOf) {
  for (const [theme, colours] of Object.entries(COLOURS)) {
    const chart = init(null, null, { renderer: 'svg', ssr: true, ...size });
    chart.setOption({
      animation: false,
      textStyle: { fontFamily: FONT, fontSize: 13, color: colours.text },
      ...optionOf(colours),
    });
    writeFileSync(new URL(`${name}-${theme}.svg`, directory), `${chart.renderToSVGString()}\n`);
    chart.dispose();
  }
}

/**
 * A heading with a line below it, on the left.
 *
 * @param {Colours} colours
 * @param {string} text
 * @param {string} subtext
 */
export function heading(colours, text, subtext) {
  return {
    text,
    subtext,
    ...{ left: 8, top: 4, itemGap: 4 },
    textStyle: { fontSize: 16, color: colours.text },
    subtextStyle: { fontSize: 13, color: colours.text },
  };
}

/** An axis without a line that shows nothing but its labels. @param {Colours} colours */
export function quietAxis(colours) {
  return { axisLine: { show: false }, axisTick: { show: false }, axisLabel: { color: colours.text, fontSize: 13 } };
}
