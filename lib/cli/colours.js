/** Colours of a terminal. `NO_COLOR` and `FORCE_COLOR` are respected; in a pipe there are none. */

/** @typedef {'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'} Style */

/** @type {Record<Style, [number, number]>} */
const CODES = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39], cyan: [36, 39] };

/** @param {{ isTTY?: boolean }} stream */
function hasColours(stream) {
  const { FORCE_COLOR, NO_COLOR, TERM } = process.env;
  if (FORCE_COLOR) return !['0', 'false'].includes(FORCE_COLOR);
  if (NO_COLOR || TERM === 'dumb') return false;
  return stream.isTTY === true;
}

/**
 * Gives a function for each style, which adds it to a text if the stream shows colours.
 *
 * @param {{ isTTY?: boolean }} stream
 * @returns {Record<Style, (text: string) => string>}
 */
function coloursFor(stream) {
  const areShown = hasColours(stream);
  const styles = /** @type {Style[]} */ (Object.keys(CODES)).map((style) => {
    const [open, close] = CODES[style];
    return [style, (/** @type {string} */ text) => (areShown ? `\x1b[${open}m${text}\x1b[${close}m` : text)];
  });
  return Object.fromEntries(styles);
}

module.exports = { coloursFor, hasColours };
