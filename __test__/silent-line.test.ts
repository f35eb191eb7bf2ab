/** A line that falls silent at any moment of a call: all calls end within their limits, and the pool is whole afterwards. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { type AdapterOptions, useDatabase } from './helpers/database';
import { createRole, type DatabaseRole } from './helpers/database-role';
import { Relay } from './helpers/relay';

const db = useDatabase();
const empty = useDatabase({ migrated: false });
let guarded: DatabaseRole;

beforeAll(async () => {
  guarded = await createRole('');
  await db.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${guarded.name}`);
  await db.query('ALTER TABLE users ENABLE ROW LEVEL SECURITY');
  await db.query(`CREATE POLICY everyone ON users TO ${guarded.name} USING (true)`);
});
// After that of its database, whose policy refers to it.
afterAll(() => guarded.drop());

const LIMITS = { connectionTimeoutMillis: 1_000, statementTimeoutMs: 500, maxRetries: 0, max: 2 };
/** Longer than the limits of a call altogether, on a busy machine as well. */
const LONG = 20_000;
const MOMENTS_AT_A_TIME = 8;

type Call = (storage: PostgresStorageAdapter) => Promise<unknown>;

/** All but those whose statements have no limit. */
const CALLS: Record<string, Call> = {
  healthCheck: (storage) => storage.healthCheck(),
  connect: (storage) => storage.connect(),
  migrationStatus: (storage) => storage.migrationStatus(),
  migrate: (storage) => storage.migrate(),
  'migrate with dryRun': (storage) => storage.migrate({ dryRun: true }),
  baseline: (storage) => storage.baseline(),
  grants: (storage) => storage.grants('x'),
  diagnose: (storage) => storage.diagnose(),
  getUser: (storage) => storage.getUser('x'),
  listUsers: (storage) => storage.listUsers(),
  transaction: (storage) => storage.transaction((tx) => tx.getUser('x')),
};
const ORDINARY = ['getUser', 'listUsers', 'transaction'];

/** What the adapter is told of the server, and where it is. */
interface Place {
  url: () => string;
  options?: AdapterOptions;
  calls: string[];
}

const guardedUrl = () => {
  const url = new URL(guarded.url);
  url.pathname = `/${db.name}`;
  return url.href;
};
const PLACES: Record<string, Place> = {
  'with our tables': { url: () => db.url, calls: Object.keys(CALLS) },
  'of a role under row security': { url: guardedUrl, calls: ['healthCheck', 'connect', ...ORDINARY] },
  'through a pooler': { url: () => db.url, options: { pooler: 'transaction' }, calls: Object.keys(CALLS) },
  'without our tables': { url: () => empty.url, calls: ['healthCheck', 'migrationStatus', ...ORDINARY] },
  'without our tables, through a pooler': {
    url: () => empty.url,
    options: { pooler: 'transaction' },
    calls: ['healthCheck', ...ORDINARY],
  },
};
const CASES = Object.entries(PLACES).flatMap(([where, place]) =>
  place.calls.map((name): [name: string, where: string, place: Place] => [name, where, place]),
);

/**
 * Makes the call while the open lines fall silent after its nth question to the server, when 64 other calls are made; new
 * lines work.
 */
async function silenced({ url, options }: Place, call: Call, moment: number) {
  const relay = await Relay.start(url());
  const storage = db.adapter({ ...LIMITS, ...options }, relay.url);
  let asked = 0;
  let beside: Promise<unknown> = Promise.resolve();
  relay.onMessage(({ from, type }) => {
    if (from === 'client' && 'SQ'.includes(type) && asked++ === moment) {
      relay.holdOpen();
      beside = Promise.allSettled(Array.from({ length: 64 }, () => storage.getUser('x')));
    }
    return 'pass';
  });
  const ended = Promise.allSettled([call(storage)]).then(() => beside);
  const isEnded = await Promise.race([ended.then(() => true), sleep(LONG, false, { ref: false })]);
  relay.onMessage();
  const questions = asked;
  const end = performance.now() + LONG;
  let isWhole = false;
  while (isEnded && !isWhole && performance.now() < end) isWhole = await isWholePool(storage);
  relay.release();
  await storage.disconnect({ timeoutMs: 100 });
  await relay.close();
  return { moment, questions, isEnded, isWhole };
}

/** Whether all connections of the pool can be used at once. */
async function isWholePool(storage: PostgresStorageAdapter): Promise<boolean> {
  const all = Array.from({ length: LIMITS.max }, () => storage.transaction(() => sleep(20)));
  const outcomes = await Promise.allSettled(all);
  return outcomes.every(
    (outcome) => outcome.status === 'fulfilled' || outcome.reason.code === 'auth_postgres/schema_mismatch',
  );
}

it.each(CASES)(
  '%s %s ends on a line that falls silent, with all calls beside it',
  async (name, _where, place) => {
    const call = CALLS[name] as Call;
    const { questions } = await silenced(place, call, Number.POSITIVE_INFINITY);
    expect(questions).toBeGreaterThan(0);
    const moments = Array.from({ length: questions }, (_, at) => at);
    const outcomes = [];
    while (moments.length > 0) {
      const some = moments.splice(0, MOMENTS_AT_A_TIME).map((moment) => silenced(place, call, moment));
      outcomes.push(...(await Promise.all(some)));
    }
    expect(outcomes.filter(({ isEnded, isWhole }) => !isEnded || !isWhole)).toEqual([]);
  },
  300_000,
);
