import { setTimeout as sleep } from 'node:timers/promises';
import type { HealthStatus, PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import type { AdapterOptions } from '../../helpers/database';
import type { Code } from '../../helpers/errors';
import { unique } from '../../helpers/fixtures';
import { Load, newMark, type Query } from './load';
import { MemoryMeter } from './memory';
import { record } from './record';
import { Witness } from './witness';

/** What the fault is done to. */
export interface Stage {
  storage: PostgresStorageAdapter;
  load: Load;
  /** The adapter's `application_name`, by which its backends are known. */
  application: string;
}

export interface Scenario {
  /** What is broken; a row of docs/faults.md. */
  title: string;
  /** The database's URL as the adapter has it, where it is another. */
  url?: () => string;
  options?: AdapterOptions;
  /** How many make calls meanwhile; 64 unless said otherwise. */
  callers?: number;
  break(stage: Stage): Promise<void> | void;
  heal(stage: Stage): Promise<void> | void;
  /** How long the fault lasts, at the least; it lasts until callers have seen what they must see. */
  lastsMs?: number;
  /** The errors that callers may see meanwhile, and must see the first of; with none, no caller may notice. */
  sees: Code[];
  /** `false` when it is a matter of luck whether a caller notices. */
  isNoticed?: boolean;
  /** Through a pooler the backends are the pooler's, and may be fewer than the pool's connections. */
  isPooled?: boolean;
}

/** A database to break things around. */
export interface Ground {
  url: string;
  query: Query;
  adapter(options?: AdapterOptions, url?: string): PostgresStorageAdapter;
}

export interface Backend {
  pid: number;
  state: string;
}

const CALLERS = 64;
const MAX = 4;
/** Far beyond what anything here takes; a limit that is reached is a fault of ours. */
const LIMIT_MS = 20_000;

/** Limits that a busy machine does not reach by itself. */
const DEFAULTS = { max: MAX, connectionTimeoutMillis: 10_000, statementTimeoutMs: 5_000, maxRetries: 2 };

/** Declares a test that breaks something under load, heals it, and checks what must hold afterwards. */
export function scenario(ground: Ground, given: Scenario): void {
  it(given.title, () => run(ground, given), 60_000);
}

async function run(ground: Ground, given: Scenario): Promise<void> {
  const mark = newMark();
  const witness = new Witness([mark, new URL(ground.url).password]);
  const application = unique('fault');
  const storage = ground.adapter(
    { ...DEFAULTS, ...given.options, application_name: application, logger: witness.logger, logLevel: 'debug' },
    given.url?.() ?? ground.url,
  );
  const load = new Load(storage, witness, mark);
  const memory = new MemoryMeter();
  const backends = (): Promise<Backend[]> => ground.query(BACKENDS, [application]);
  const stage = { storage, load, application };

  await load.start(given.callers ?? CALLERS);
  expect(await load.progress(100, LIMIT_MS)).toBe(true);
  memory.begin();
  expect([...witness.seen.keys()]).toEqual([]);

  await given.break(stage);
  await sleep(given.lastsMs ?? 500);
  await noticed(witness, given);
  await given.heal(stage);
  const recoveryMs = await timeToFirstSuccess(storage);
  expect(await load.progress(200, LIMIT_MS)).toBe(true);
  expect(await load.stop(LIMIT_MS)).toBe(true);

  const growth = memory.growth();
  await record({ title: given.title, seen: [...witness.seen], recoveryMs, growth });
  checkWhatWasSeen(witness, given);
  expect(await load.verify(ground.query)).toEqual([]);
  await checkPool(storage, backends, MAX, given);
  expect(growth.heapMb).toBeLessThan(32);
  await storage.disconnect();
  if (!given.isPooled) expect(await settled(backends, 0)).toEqual([]);
}

/** From now until a write and a read of it have both succeeded, tried as often as it takes. */
export async function timeToFirstSuccess(storage: PostgresStorageAdapter): Promise<number> {
  const healed = performance.now();
  for (;;) {
    try {
      const user = await storage.createUser({ name: 'probe' });
      if (await storage.getUser(user.id)) return performance.now() - healed;
    } catch (error) {
      if (performance.now() - healed > LIMIT_MS) throw error;
      await sleep(5);
    }
  }
}

async function noticed({ codes }: Witness, { sees: [first], isNoticed = true }: Scenario): Promise<void> {
  const deadline = Date.now() + LIMIT_MS;
  while (first && isNoticed && !codes.has(first) && Date.now() < deadline) await sleep(20);
}

function checkWhatWasSeen(witness: Witness, { sees, isNoticed = true }: Scenario): void {
  expect(witness.strangers).toEqual([]);
  expect(witness.leaks).toEqual([]);
  expect([...witness.codes].filter((code) => !sees.includes(code as Code))).toEqual([]);
  if (isNoticed) expect([...witness.codes]).toEqual(expect.arrayContaining(sees.slice(0, 1)));
}

/** The pool fills up again, and each of its connections has exactly one backend, which rests. */
export async function checkPool(
  storage: PostgresStorageAdapter,
  backends: () => Promise<Backend[]>,
  max: number,
  { isPooled = false }: Pick<Scenario, 'isPooled'> = {},
): Promise<void> {
  // Of two kinds, since one leaves some room for the others.
  const calls = [
    () => storage.createUser({ name: 'pool' }),
    () => storage.createOrganization({ name: 'pool', plan: 'free', seats: 1 }),
  ];
  const deadline = Date.now() + LIMIT_MS / 2;
  let health: HealthStatus;
  do {
    await Promise.all(Array.from({ length: max * 5 }, () => calls.map((call) => call())).flat());
    health = await storage.healthCheck();
    // A server that has refused connections is asked for more once in a second.
  } while (health.pool.total < max && Date.now() < deadline);
  expect(health).toMatchObject({ status: 'ok', pool: { total: max, waiting: 0 } });
  const found = await settled(backends, isPooled ? undefined : max);
  expect(found.map(({ state }) => state)).toEqual(Array(isPooled ? found.length : max).fill('idle'));
}

/** The backends once there are so many and all of them rest, or after a while whatever there is. */
async function settled(backends: () => Promise<Backend[]>, count?: number): Promise<Backend[]> {
  const deadline = Date.now() + LIMIT_MS / 2;
  for (;;) {
    const found = await backends();
    const isSettled = (count ?? found.length) === found.length && found.every(({ state }) => state === 'idle');
    if (isSettled || Date.now() > deadline) return found;
    await sleep(20);
  }
}

const BACKENDS = 'SELECT pid, state FROM pg_stat_activity WHERE application_name = $1';
