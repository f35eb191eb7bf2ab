/**
 * `npm run test:faults`: the adapter while network, server and database break.
 * With `--write` the table in docs/faults.md is written anew from what the run has found;
 * without, a run of everything checks that the table has the same rows.
 */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../build/inputs.mjs';

/** @typedef {{ file: string, title: string, seen: [string, number][], recoveryMs: number, growth?: { heapMb: number, rssMb: number } }} Finding */

const FINDINGS = join(ROOT, 'target', 'faults');
const DOCUMENT = join(ROOT, 'docs', 'faults.md');
const BEGIN = '<!-- The table is written by: npm run test:faults -- --write -->\n';
const END = '<!-- End of the table. -->';

/** @param {string[]} given */
export function prepare(given) {
  rmSync(FINDINGS, { recursive: true, force: true });
  return withoutOwn(given);
}

/**
 * @param {boolean} passed
 * @param {string[]} given
 */
export function finish(passed, given) {
  const table = tableOf(findings());
  if (given.includes('--write')) write(table);
  else process.stdout.write(`\n${table}`);
  const isCurrent = withoutOwn(given).length > 0 || titlesOf(table).join() === titlesOf(documented().table).join();
  if (!isCurrent) console.error('docs/faults.md has other rows than this run: npm run test:faults -- --write');
  return passed && isCurrent;
}

/** @param {string[]} given */
function withoutOwn(given) {
  return given.filter((argument) => argument !== '--write');
}

/** @returns {Finding[]} in an order that does not depend on who was quicker */
function findings() {
  if (!existsSync(FINDINGS)) return [];
  return readdirSync(FINDINGS)
    .sort()
    .flatMap((file) => readFileSync(join(FINDINGS, file), 'utf8').trimEnd().split('\n'))
    .map((line) => JSON.parse(line));
}

/** @param {Finding[]} rows */
function tableOf(rows) {
  const head =
    '| What is broken | What callers see meanwhile | First success after healing | Heap kept |\n|---|---|--:|--:|\n';
  const lines = rows.map(({ title, seen, recoveryMs, growth }) => {
    const outcomes = seen.map(([description]) => description).sort();
    const kept = growth ? `${growth.heapMb.toFixed(1)} MB` : '';
    return `| ${title} | ${outcomes.join('; ') || 'nothing'} | ${Math.round(recoveryMs)} ms | ${kept} |\n`;
  });
  return head + lines.join('');
}

/** @param {string} text */
function titlesOf(text) {
  const rows = text.split('\n').filter((line) => line.startsWith('| '));
  return rows.map((line) => line.split(' | ')[0]);
}

/** The document before the table, the table, and what follows. */
function documented() {
  const text = readFileSync(DOCUMENT, 'utf8');
  const start = text.indexOf(BEGIN) + BEGIN.length;
  const end = text.indexOf(END);
  return { before: text.slice(0, start), table: text.slice(start, end), after: text.slice(end) };
}

/** @param {string} text */
function write(text) {
  const { before, after } = documented();
  writeFileSync(DOCUMENT, before + text + after);
}
