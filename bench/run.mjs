/**
 * `npm run bench`: the store beside what else there is for Node, in one run, on equal work.
 *
 * Each candidate has a process of its own. They take turns, round by round, on one server; the figures are
 * medians of the rounds. What they find is compared before anything is timed.
 */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { writeCharts } from './charts.mjs';
import { Contestant } from './contestant.mjs';
import { checkEqualWork } from './equal-work.mjs';
import { median } from './measure.mjs';
import { OPERATIONS } from './operations.mjs';
import { Pgbench } from './pgbench.mjs';
import { toMarkdown } from './report.mjs';
import { Server } from './server.mjs';
import { TARGETED, targetsTable } from './targets.mjs';
import { inTurns } from './turns.mjs';

const ALL = ['ours', 'pg', 'postgres-js', 'kysely', 'drizzle', 'authjs', 'better-auth'];

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string' },
    sessions: { type: 'string', default: '100000' },
    pool: { type: 'string', default: '10' },
    'in-flight': { type: 'string', default: '1,8,64,256' },
    candidates: { type: 'string' },
    operations: { type: 'string' },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const HELP = `npm run bench -- [options]

  --quick               only what the targets speak of, in about five minutes
  --operations a,b      of: ${Object.keys(OPERATIONS).join(', ')}
  --candidates a,b      of: ${ALL.join(', ')}, pgbench
  --in-flight 1,64      calls in flight
  --rounds 5            rounds that count; one more warms up
  --seconds 1           length of a round
  --sessions 100000     rows of the table
  --pool 10             connections of each candidate
  --write               keep results.json, RESULTS.md and the charts; without any option they are kept

The server is an embedded PostgreSQL with durable commits, or that of DATABASE_URL.`;

/** @typedef {import('./measure.mjs').Round & {serverCpu?: number | undefined}} Measured */
/** @typedef {{operation: string, inFlight: number, candidate: string, rounds: Measured[]}} Cell */
/** @typedef {Contestant | Pgbench} Entrant */

/** @param {string | undefined} text @param {string[]} all */
const chosen = (text, all) => (text === undefined ? all : text.split(','));

const rounds = Number(flags.rounds);
const ms = Number(flags.seconds ?? '1') * 1000;
const sessions = Number(flags.sessions);
const inFlights = flags['in-flight'].split(',').map(Number);
const operations = chosen(flags.operations, flags.quick ? Object.keys(TARGETED) : Object.keys(OPERATIONS));
const names = chosen(flags.candidates, flags.quick ? ['ours', 'pg', 'postgres-js', 'pgbench'] : [...ALL, 'pgbench']);

/** Who is measured at an operation: all that can do it; in a quick run, those that a target names. */
function entrantsAt(/** @type {Entrant[]} */ entrants, /** @type {string} */ operation) {
  return entrants.filter(
    ({ name, operations: able }) =>
      able.includes(operation) && (!flags.quick || flags.candidates || TARGETED[operation]?.includes(name)),
  );
}

/** @param {Server} server @param {Entrant} entrant @param {{operation: string, inFlight: number, ms: number}} order */
async function oneRound(server, entrant, order) {
  const before = server.cpu();
  const round = await entrant.ask(order);
  const after = server.cpu();
  const serverCpu = before === undefined || after === undefined ? undefined : (after - before) / round.calls;
  return { ...round, serverCpu };
}

/** @param {Server} server @param {Entrant[]} entrants @returns {Promise<Cell[]>} */
async function measureAll(server, entrants) {
  const plan = operations.flatMap((operation) => inFlights.map((inFlight) => ({ operation, inFlight, ms })));
  const cells = [];
  for (const [at, order] of plan.entries()) {
    const taking = entrantsAt(entrants, order.operation);
    process.stderr.write(`[${at + 1}/${plan.length}] ${order.operation}, ${order.inFlight} in flight `);
    // The first round warms up.
    const measured = await inTurns(taking, rounds + 1, (entrant) => oneRound(server, entrant, order));
    const inThis = taking.map(({ name }, which) => ({
      ...{ operation: order.operation, inFlight: order.inFlight, candidate: name },
      rounds: (measured[which] ?? []).slice(1),
    }));
    const rates = inThis.map(
      ({ candidate, rounds: of }) => `${candidate} ${Math.round(median(of.map(({ rate }) => rate)))}/s`,
    );
    process.stderr.write(` ${rates.join(' · ')}\n`);
    cells.push(...inThis);
  }
  return cells;
}

/** @param {string} version @param {Cell[]} cells */
function results(version, cells) {
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, platform: process.platform },
    versions: { node: process.version, postgres: version },
    settings: { sessions, pool: Number(flags.pool), rounds, seconds: ms / 1000 },
    cells,
  };
}

async function main() {
  const server = await Server.start();
  /** @type {Entrant[]} */
  const entrants = [];
  try {
    process.stderr.write(`filling the tables with ${sessions} sessions\n`);
    await server.prepare(sessions, names);
    const target = { url: server.url, max: Number(flags.pool), sessions };
    const contestants = [];
    for (const name of names.filter((each) => each !== 'pgbench'))
      contestants.push(await Contestant.start(name, target));
    entrants.push(...contestants);
    await checkEqualWork(contestants);
    const program = names.includes('pgbench') ? await Pgbench.find() : undefined;
    if (program) entrants.push(new Pgbench(program, target));
    const found = results(await server.version(), await measureAll(server, entrants));
    console.log(flags.quick ? targetsTable(found.cells) : toMarkdown(found));
    if (flags.write || process.argv.length === 2) await keep(found);
  } finally {
    await Promise.all(entrants.map((each) => each.close()));
    await server.stop();
  }
}

/** @param {ReturnType<typeof results>} found */
async function keep(found) {
  const file = (/** @type {string} */ name) => new URL(name, import.meta.url);
  writeFileSync(file('results.json'), `${JSON.stringify(found, undefined, 1)}\n`);
  writeFileSync(file('RESULTS.md'), toMarkdown(found));
  await writeCharts(found);
}

if (flags.help) console.log(HELP);
else await main();
