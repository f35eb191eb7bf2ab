/** Charts as SVG files, one for light pages and one for dark ones. */
import { writeFileSync } from 'node:fs';
import { init } from 'echarts';
import palette from '../scripts/build/colours.cjs';

const { COLOURS, FONT } = palette;

/** @typedef {import('../scripts/build/colours.cjs').Colours} Colours */

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
