/** The results as Markdown. */
import { median } from './measure.mjs';
import { targetsTable } from './targets.mjs';

/** @typedef {import('./run.mjs').Measured} Measured */
/** @typedef {{date: string, machine: {cpu: string, cores: number, platform: string}, versions: Record<string, string>, settings: Record<string, number>, cells: import('./run.mjs').Cell[]}} Results */

/** @param {Measured[]} rounds @param {keyof Measured} figure @param {number} digits */
function of(rounds, figure, digits) {
  const numbers = rounds.map((round) => round[figure]).filter((number) => number !== undefined);
  return numbers.length === 0 ? '–' : median(numbers).toFixed(digits);
}

/** @param {Measured[]} rounds */
function spread(rounds) {
  const rates = rounds.map(({ rate }) => rate);
  return `${Math.round(Math.min(...rates))} – ${Math.round(Math.max(...rates))}`;
}

/** @param {import('./run.mjs').Cell} cell */
function row({ candidate, inFlight, rounds }) {
  const columns = [
    ...[String(inFlight), candidate, of(rounds, 'rate', 0), spread(rounds)],
    ...[of(rounds, 'p50', 2), of(rounds, 'p99', 2), of(rounds, 'p999', 2)],
    ...[of(rounds, 'cpu', 1), of(rounds, 'serverCpu', 1), of(rounds, 'loopP99', 2), of(rounds, 'rss', 0)],
  ];
  return `| ${columns.join(' | ')} |`;
}

const HEAD = `| in flight | | calls/s | least – most | p50 ms | p99 ms | p99.9 ms | CPU µs, Node | CPU µs, server | loop p99 ms | RSS MiB |
|---|---|---|---|---|---|---|---|---|---|---|`;

/** @param {Results} results */
export function toMarkdown({ date, machine, versions, settings, cells }) {
  const operations = [...new Set(cells.map(({ operation }) => operation))];
  const tables = operations.map((operation) => {
    const rows = cells.filter((cell) => cell.operation === operation).map(row);
    return `## ${operation}\n\n${HEAD}\n${rows.join('\n')}\n`;
  });
  return `# Benchmark

${date} · ${machine.cpu}, ${machine.cores} cores, ${machine.platform} · Node ${versions.node}, PostgreSQL ${versions.postgres} on the same machine, durable commits ·
${settings.sessions} sessions, pools of ${settings.pool}, medians of ${settings.rounds} rounds of ${settings.seconds} s, all candidates in turn.
CPU is for one call; of the server all its processes. Auth.js and Better Auth work on tables of their own. Made by \`npm run bench\`.

## Promises

${targetsTable(cells)}

${tables.join('\n')}`;
}
