/** Shows that something is under way: a line that changes on a terminal, nothing in a pipe. */

const { clearInterval, setInterval } = require('node:timers');
const { coloursFor } = require('./colours.js');
const { duration, say } = require('./output.js');

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const CLEAR_LINE = '\r\x1b[K';

class Progress {
  /** @param {string} text what is being done */
  constructor(text) {
    this.text = text;
    this.started = Date.now();
    this.frame = 0;
    this.isShown = process.stderr.isTTY === true;
    if (this.isShown) {
      this.draw();
      this.timer = setInterval(() => this.draw(), 100);
      this.timer.unref();
    }
  }

  draw() {
    const { cyan, dim } = coloursFor(process.stderr);
    const frame = FRAMES[this.frame++ % FRAMES.length] ?? '';
    const took = dim(duration(Date.now() - this.started));
    process.stderr.write(`${CLEAR_LINE}${cyan(frame)} ${this.text} ${took}`);
  }

  /**
   * Says what it is about now.
   *
   * @param {string} text
   */
  update(text) {
    this.text = text;
  }

  /**
   * A line that stays.
   *
   * @param {string} line
   */
  note(line) {
    if (this.isShown) process.stderr.write(CLEAR_LINE);
    say(line);
  }

  end() {
    if (!this.isShown) return;
    clearInterval(this.timer);
    process.stderr.write(CLEAR_LINE);
    this.isShown = false;
  }
}

/**
 * @template T
 * @param {string} text
 * @param {(progress: Progress) => Promise<T>} work
 * @returns {Promise<T>}
 */
async function withProgress(text, work) {
  const progress = new Progress(text);
  try {
    return await work(progress);
  } finally {
    progress.end();
  }
}

module.exports = { withProgress };
