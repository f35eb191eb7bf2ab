#!/usr/bin/env node
/** The command `auth-postgres`. The library itself never loads what is in this folder. */

const { noteOutputError } = require('./output.js');
const { run } = require('./program.js');

// Whoever reads the output may stop reading, as `head` does. The work goes on, because the exit code says what came of it.
for (const stream of [process.stdout, process.stderr]) stream.on('error', noteOutputError);

run(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
