/** Writes the output of the command: results to stdout, and progress and errors to stderr. */

const { coloursFor } = require('./colours.js');
const { EXIT } = require('./exit-codes.js');
const { redact, redactResult } = require('./secrets.js');

/** What moves the cursor, begins a line, or changes the order in which text is shown. */
const CONTROLS = /[\p{Cc}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/**
 * A stored text for one line of a terminal: nobody whose text is stored can begin a line of their own with it.
 *
 * @param {string} text
 */
const oneLine = (text) =>
  text.replace(CONTROLS, (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`);

let isStdoutOpen = true;

/** Whether somebody still reads the results, as far as the last one that was written has shown. */
const hasReader = () => isStdoutOpen;

/**
 * An error of writing to stdout or stderr.
 *
 * @this {NodeJS.WriteStream}
 * @param {NodeJS.ErrnoException} error
 */
function noteOutputError(error) {
  if (this !== process.stdout) return;
  isStdoutOpen = false;
  // A full disk, for example. Results that nobody wants to read are no error.
  if (error.code !== 'EPIPE') {
    say(`error: the output could not be written (${error.code})`);
    process.exit(EXIT.findings);
  }
}

/**
 * Results.
 *
 * @param {string} text
 */
const print = (text) => process.stdout.write(`${redactResult(text)}\n`);

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
const printJson = (value) => print(JSON.stringify(value, null, 2).split('\n').map(oneLine).join('\n'));

/**
 * One JSON value in a line.
 *
 * @param {unknown} value
 */
const printJsonLine = (value) => print(oneLine(JSON.stringify(value)));

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
 * Says what went wrong and why, in one line and without a stack. With `--json` it is an object in a line of stdout as well.
 *
 * @param {unknown} error
 * @param {boolean} isJson
 */
function sayError(error, isJson) {
  const { message, code, context, cause } = /** @type {Partial<import('../../index.js').InternalError>} */ (error);
  const text = oneLine(redact(message ?? String(error)));
  const reason = oneLine(redact(cause?.message ?? ''));
  // Nobody can ask a command for the `cause`, which alone says why a server or a pooler refused. Some messages have it.
  const isNew = reason !== '' && !text.includes(reason);
  say(`${coloursFor(process.stderr).red('error:')} ${text}${isNew ? `: ${reason}` : ''}`);
  if (!isJson) return;
  const fields = {
    ...(code && { code }),
    message: text,
    ...(reason && { cause: reason }),
    ...(context && { context }),
  };
  printJsonLine({ error: fields });
}

module.exports = {
  duration,
  hasReader,
  noteOutputError,
  oneLine,
  plural,
  print,
  printJson,
  printJsonLine,
  say,
  sayError,
  table,
};
