/**
 * `npm run bench`: the store beside what else there is for Node, in one run, on equal work.
 *
 * Each candidate has a process of its own, which is a new one for each operation and each number of calls in flight:
 * nobody's figures depend on what its process did before. The candidates take turns, round by round, on one server. The
 * figures are medians of the rounds. What the candidates find is compared before anything is timed.
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

const ALL = [
  'ours',
  'ours-in-sequence',
  'pg',
  'pg-pipeline',
  'postgres-js',
  'kysely',
  'drizzle',
  'authjs',
  'better-auth',
];

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
const names = chosen(
  flags.candidates,
  flags.quick ? ['ours', 'ours-in-sequence', 'pg', 'pg-pipeline', 'postgres-js', 'pgbench'] : [...ALL, 'pgbench'],
);

/** @typedef {{name: string, operations: string[], start: () => Promise<Entrant>}} Participant */

/** Who is measured at an operation: all that can do it, or in a quick run those that a target names. */
function participantsIn(/** @type {Participant[]} */ participants, /** @type {string} */ operation) {
  return participants.filter(
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

/** @param {Server} server @param {Participant[]} participants @returns {Promise<Cell[]>} */
async function measureAll(server, participants) {
  const plan = operations.flatMap((operation) => inFlights.map((inFlight) => ({ operation, inFlight, ms })));
  const cells = [];
  for (const [at, order] of plan.entries()) {
    const taking = participantsIn(participants, order.operation);
    process.stderr.write(`[${at + 1}/${plan.length}] ${order.operation}, ${order.inFlight} in flight `);
    const measured = await withEntrants(taking, (entrants) =>
      // The first round warms up.
      inTurns(entrants, rounds + 1, (entrant) => oneRound(server, entrant, order)),
    );
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

/**
 * Starts a process for each participant, and ends all of them when the work is done.
 *
 * @template T
 * @param {Participant[]} participants
 * @param {(entrants: Entrant[]) => Promise<T>} work
 */
async function withEntrants(participants, work) {
  /** @type {Entrant[]} */
  const entrants = [];
  try {
    for (const { start } of participants) entrants.push(await start());
    return await work(entrants);
  } finally {
    await Promise.all(entrants.map((each) => each.close()));
  }
}

/**
 * Finds out what each candidate can do, and checks that all of them do the same.
 *
 * @param {{url: string, max: number, sessions: number}} target
 * @returns {Promise<Participant[]>}
 */
async function findParticipants(target) {
  /** @type {Contestant[]} */
  const contestants = [];
  try {
    for (const name of names.filter((each) => each !== 'pgbench')) {
      contestants.push(await Contestant.start(name, target));
    }
    await checkEqualWork(contestants);
  } finally {
    await Promise.all(contestants.map((each) => each.close()));
  }
  /** @type {Participant[]} */
  const participants = contestants.map(({ name, operations }) => ({
    ...{ name, operations },
    start: () => Contestant.start(name, target),
  }));
  const program = names.includes('pgbench') ? Pgbench.find() : undefined;
  if (program) {
    participants.push({ ...Pgbench.ENTRY, start: async () => new Pgbench(program, target) });
  }
  return participants;
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
  try {
    process.stderr.write(`filling the tables with ${sessions} sessions\n`);
    await server.prepare(sessions, names);
    const participants = await findParticipants({ url: server.url, max: Number(flags.pool), sessions });
    const found = results(await server.version(), await measureAll(server, participants));
    console.log(flags.quick ? targetsTable(found.cells) : toMarkdown(found));
    if (flags.write || process.argv.length === 2) await keep(found);
  } finally {
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
