#!/usr/bin/env node
/** The command `auth-postgres`. The library itself never loads what is in this folder. */

const { run } = require('./program.js');

run(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
