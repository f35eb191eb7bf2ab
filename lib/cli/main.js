#!/usr/bin/env node
/** The command `auth-postgres`. The library itself never loads what is in this folder. */

const { run } = require('./program.js');

// Whoever reads the output may stop reading, as `head` does.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error) => {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EPIPE') throw error;
    process.exit();
  });
}

run(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
