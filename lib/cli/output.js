/** Writes the output of the command: results to stdout, and progress and errors to stderr. */

const { coloursFor } = require('./colours.js');
const { redact } = require('./secrets.js');

/**
 * Results, as they are.
 *
 * @param {string} text
 */
const print = (text) => process.stdout.write(`${text}\n`);

/**
 * What the command says about itself.
 *
 * @param {string} text
 */
const say = (text) => process.stderr.write(`${redact(text)}\n`);

/**
 * One JSON value, for scripts.
 *
 * @param {unknown} value
 */
const printJson = (value) => print(JSON.stringify(value, null, 2));

/**
 * Columns with two spaces between them. The widths are those of the plain text.
 *
 * @param {string[][]} rows
 * @param {(text: string, column: number, row: string[]) => string} [decorate]
 */
function table(rows, decorate = (text) => text) {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows
    .map((row) =>
      row
        .map((text, column) =>
          decorate(column === row.length - 1 ? text : text.padEnd(widths[column] ?? 0), column, row),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/**
 * @param {number} count
 * @param {string} one
 * @param {string} [many]
 */
const plural = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

/** @param {number} ms */
const duration = (ms) => (ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`);

/**
 * Says what went wrong, in one line and without a stack. With `--json` it is an object on stdout as well.
 *
 * @param {unknown} error
 * @param {boolean} isJson
 */
function sayError(error, isJson) {
  const { message, code, context } = /** @type {{ message?: string, code?: string, context?: object }} */ (error);
  const text = redact(message ?? String(error));
  say(`${coloursFor(process.stderr).red('error:')} ${text}`);
  if (isJson) printJson({ error: { ...(code && { code }), message: text, ...(context && { context }) } });
}

module.exports = { duration, plural, print, printJson, say, sayError, table };
