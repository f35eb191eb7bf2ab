/**
 * Runs a program quietly: in a terminal one line says what it is doing and for how long, elsewhere one line at its end.
 * What it prints is shown only if it fails. Plain Node, since the setup runs before anything is installed.
 */
import { spawn } from 'node:child_process';

const REFRESH_MS = 200;
const { isTTY, columns = 80 } = process.stderr;
const isPlain = process.env.NO_COLOR !== undefined && process.env.NO_COLOR !== '';

/**
 * @param {string} title what is being done, such as "building the addon"
 * @param {string} program
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions} options
 * @returns {Promise<boolean>} whether it succeeded
 */
export async function runQuietly(title, program, args, options) {
  const started = Date.now();
  const seconds = () => `${Math.round((Date.now() - started) / 1_000)} s`;
  let output = '';
  const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
  }
  const timer = isTTY
    ? setInterval(() => redraw(`${title} (${seconds()}) ${lastLine(output)}`), REFRESH_MS)
    : undefined;
  const succeeded = await new Promise((resolve) => {
    child.once('error', (error) => {
      output += error.message;
      resolve(false);
    });
    child.once('close', (status) => resolve(status === 0));
  });
  clearInterval(timer);
  if (isTTY) redraw('');
  if (succeeded) console.error(`${mark('✓', 32)} ${title} (${seconds()})`);
  else console.error(`${mark('✗', 31)} ${title}\n${output.trimEnd()}`);
  return succeeded;
}

/** Replaces the line of the terminal. @param {string} text */
function redraw(text) {
  process.stderr.write(`\r\x1b[2K${text.slice(0, columns - 1)}`);
}

/** @param {string} output */
function lastLine(output) {
  return output.slice(-1_000).trimEnd().split('\n').at(-1)?.trim() ?? '';
}

/** @param {string} sign @param {number} colour */
function mark(sign, colour) {
  return isTTY && !isPlain ? `\x1b[${colour}m${sign}\x1b[0m` : sign;
}
