/**
 * The rule of batches, as one property: a set of calls that travel together has the same results as when they are made
 * one by one in some order, and a call that cannot proceed delays or fails only itself and calls for the same key.
 * Sets of calls of every batched kind are made at once to a real server, while another transaction holds locks,
 * and compared with the reference, which makes them one by one.
 * `npm run test:model -- --runs 20000 -t together` makes more of them.
 */
import { InternalError } from '@kitiumai/auth-postgres';
import fc from 'fast-check';
import { Client } from 'pg';
import { useDatabase } from '../helpers/database';
import { Model } from './call';
import { Mismatch, type Outcome, outcomeOf } from './compare';
import { checkEverything, RESET } from './state';

const RUNS = Math.ceil(Number(process.env.MODEL_RUNS ?? 1_000) / 50);
const SEED = Number(process.env.MODEL_SEED ?? 20_260_101);
const PATH = process.env.MODEL_PATH;

const db = useDatabase();

/** All calls that need no lock of others must have ended by then, or they count as held up. */
const HELD_UP_MS = 15_000;
const HUGE = 'x'.repeat(1_500_000);

interface Call {
  method: string;
  args: unknown[];
  /** It needs what is locked. */
  isLocked?: boolean;
  /** Its row cannot be read. */
  isUnreadable?: boolean;
  /** Only the server can tell: a rule that the reference does not know. */
  isRefusedByServer?: boolean;
  /** Its caller gives up; `marker` finds what it may have written. */
  givesUp?: boolean;
}

const index = (count: number) => fc.nat({ max: count - 1 });
const call = (method: string, args: unknown[], facts: Partial<Call> = {}): Call => ({ method, args, ...facts });
const future = new Date(Date.now() + 3_600_000);
const marked = { plan: 'given-up' };
/** Stands for the `updatedAt` that the session has before the calls. */
const AS_AT_FIRST = { ifUpdatedAt: 'as at first' };

/** Moves an expiry by so many minutes. */
const extension = (minutes: number, orgId: string) => ({
  orgId,
  extendTo: new Date(future.getTime() + minutes * 60_000),
});

const good = fc.oneof(
  { weight: 4, arbitrary: fc.constant(0).map(() => call('createUser', [{ name: 'n', entitlements: ['a', ','] }])) },
  { weight: 4, arbitrary: index(40).map((n) => call('createUser', [{ email: `E${n}@x`, metadata: { n } }])) },
  { weight: 2, arbitrary: index(20).map((n) => call('createUser', [{ id: `new-${n}`, email: `f${n % 7}@X` }])) },
  {
    weight: 6,
    arbitrary: fc
      .tuple(index(8), fc.option(index(3), { nil: undefined }), fc.option(index(30), { nil: undefined }))
      .map(([user, org, id]) =>
        call('createSession', [
          {
            userId: `u${user}`,
            expiresAt: future,
            ...(org !== undefined && { orgId: `o${org}` }),
            ...(id !== undefined && { id: `made-${id}`, metadata: { id } }),
          },
        ]),
      ),
  },
  {
    weight: 8,
    arbitrary: fc
      .tuple(index(20), index(5), fc.nat({ max: 1_000 }))
      .map(([session, kind, n]) =>
        call('updateSession', [
          `s${session}`,
          [{ plan: `p${n}` }, { metadata: { n } }, { entitlements: [`${n}`] }, {}, { orgId: `o${n % 3}`, plan: null }][
            kind
          ],
        ]),
      ),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(index(20), index(3), fc.nat({ max: 1_000 }))
      .map(([session, kind, n]) =>
        call('updateSession', [
          `s${session}`,
          { metadata: { [`k${n % 4}`]: n % 3 === 0 ? null : n } },
          [{ mergeMetadata: true }, AS_AT_FIRST, { ...AS_AT_FIRST, mergeMetadata: true }][kind],
        ]),
      ),
  },
  { weight: 6, arbitrary: index(8).map((n) => call('getUser', [`u${n}`])) },
  { weight: 3, arbitrary: index(8).map((n) => call('getUserByEmail', [`U${n}@X`])) },
  { weight: 3, arbitrary: index(5).map((n) => call('getSession', [`r${n}`])) },
  { weight: 3, arbitrary: index(8).map((n) => call('getUserRoles', [`u${n}`, 'o0'])) },
  { weight: 2, arbitrary: index(3).map((n) => call('getOrganization', [`o${n}`])) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(index(5), fc.option(index(3), { nil: undefined }))
      .map(([n, org]) => call('getSessionContext', [`r${n}`, { orgId: org === undefined ? undefined : `o${org}` }])),
  },
  {
    weight: 5,
    arbitrary: fc
      .tuple(index(3), index(3), index(20))
      .map(([n, org, minutes]) => call('getSessionContext', [`e${n}`, extension(minutes - 5, `o${org}`)])),
  },
  { weight: 2, arbitrary: index(3).map((n) => call('getApiKeyContext', [`key ${n}`])) },
);

const bad = fc.oneof(
  index(8).map((n) => call('createUser', [{ email: `u${n}@X` }])),
  index(8).map((n) => call('createUser', [{ id: `u${n}` }])),
  fc.constant(call('createSession', [{ userId: 'nobody', expiresAt: future }])),
  index(8).map((n) => call('createSession', [{ userId: `u${n}`, orgId: 'nothing', expiresAt: future }])),
  index(8).map((n) => call('createSession', [{ userId: `u${n}`, id: 's0', expiresAt: future }])),
  fc.constant(call('updateSession', ['nothing', { plan: 'x' }])),
  fc.constant(call('updateSession', ['expired', { expiresAt: future }])),
  fc.constant(call('updateSession', ['t0', { userId: 'nobody' }])),
  fc.constant(call('getSessionContext', ['expired', extension(1, 'o0')])),
  fc.constant(call('getSessionContext', ['nothing', extension(1, 'o0')])),
  fc.constant(call('getSessionContext', ['unreadable', { orgId: 'o0' }], { isUnreadable: true })),
  fc.constant(call('getSessionContext', ['unreadable', extension(1, 'o0')], { isUnreadable: true })),
  fc.constant(call('getUser', ['nobody'])),
  fc.constant(call('getSession', ['expired'])),
  fc.constant(call('getUser', ['unreadable'], { isUnreadable: true })),
  fc.constant(call('updateSession', ['unreadable', { plan: 'changed' }], { isUnreadable: true })),
);

const locked = fc.oneof(
  fc.constant(call('createUser', [{ email: 'Held@x' }], { isLocked: true })),
  fc.constant(call('createUser', [{ id: 'held' }], { isLocked: true })),
  index(3).map((n) =>
    call('createSession', [{ userId: 'locked', orgId: `o${n}`, expiresAt: future }], { isLocked: true }),
  ),
  index(8).map((n) =>
    call('createSession', [{ userId: `u${n}`, orgId: 'locked', expiresAt: future }], { isLocked: true }),
  ),
  fc.nat({ max: 1_000 }).map((n) => call('updateSession', ['locked', { plan: `${n}` }], { isLocked: true })),
  fc.constant(call('updateSession', ['t1', { userId: 'locked' }], { isLocked: true })),
  index(20).map((n) => call('getSessionContext', ['e-locked', extension(n + 1, 'o0')], { isLocked: true })),
  fc.constant(call('createUser', [{ email: 'held@X', ...marked }, { timeoutMs: 120 }], { givesUp: true })),
  fc.constant(
    call('createSession', [{ userId: 'locked', expiresAt: future, ...marked }, { timeoutMs: 120 }], { givesUp: true }),
  ),
);

const event = (type: string, text: string) => [{ type, principalId: 'p', data: { text }, timestamp: future }];
const events = fc.oneof(
  { weight: 8, arbitrary: fc.nat({ max: 99 }).map((n) => call('emitEvent', event(`t${n}`, 'small'))) },
  { weight: 1, arbitrary: fc.constant(call('emitEvent', event('huge', HUGE))) },
  { weight: 1, arbitrary: fc.constant(call('emitEvent', event('bad', 'small'), { isRefusedByServer: true })) },
);

const calls = fc.array(
  fc.oneof(
    { weight: 30, arbitrary: good },
    { weight: 6, arbitrary: events },
    { weight: 3, arbitrary: bad },
    { weight: 2, arbitrary: locked },
  ),
  { minLength: 1, maxLength: 256, size: 'max' },
);

async function populate(model: Model): Promise<void> {
  const make = (method: string, ...args: unknown[]) => model.call(method, args);
  for (const id of [...Array.from({ length: 8 }, (_, n) => `u${n}`), 'locked', 'unreadable']) {
    await make('createUser', { id, email: `${id}@x` });
  }
  for (const id of ['o0', 'o1', 'o2', 'locked'])
    await make('createOrganization', { id, name: id, plan: 'team', seats: 1 });
  for (const id of ['a', 'b']) await make('createRole', { id, orgId: 'o0', name: id });
  for (const n of [0, 1, 2, 3]) await make('assignRoleToUser', `u${n}`, n % 2 === 0 ? 'a' : 'b', 'o0');
  const sessions = [
    ...Array.from({ length: 20 }, (_, n) => `s${n}`),
    ...['r0', 'r1', 'r2', 'r3', 'r4', 'e0', 'e1', 'e2', 't0', 't1', 'locked', 'e-locked', 'unreadable'],
  ];
  for (const id of sessions) await make('createSession', { id, userId: 'u0', expiresAt: future });
  await make('createSession', { id: 'expired', userId: 'u0', expiresAt: new Date(0) });
}

const LOCKS = [
  `SELECT FROM users WHERE id = 'locked' FOR UPDATE`,
  `SELECT FROM organizations WHERE id = 'locked' FOR UPDATE`,
  `SELECT FROM sessions WHERE id IN ('locked', 'e-locked') FOR UPDATE`,
  `INSERT INTO users (id, email) VALUES ('held', 'held@x')`,
];

const UNREADABLE = `
  UPDATE users SET created_at = 'infinity' WHERE id = 'unreadable';
  UPDATE sessions SET created_at = 'infinity' WHERE id = 'unreadable'`;
/** What the reference knows nothing of. */
const FORGET = `
  DELETE FROM users WHERE plan = 'given-up' OR id = 'unreadable';
  DELETE FROM sessions WHERE plan = 'given-up' OR id = 'unreadable'`;

type Context = { session: { expiresAt: Date } } | null;

/** Of the calls that extend one session, the one that has set an expiry comes before those that have found it. */
function byExpiry([one, first]: [Call, Outcome], [other, second]: [Call, Outcome]): number {
  const expiryOf = (outcome: Outcome) =>
    'value' in outcome ? ((outcome.value as Context)?.session.expiresAt.getTime() ?? 0) : 0;
  const wanted = ({ args }: Call) => (args[1] as { extendTo?: Date }).extendTo?.getTime() ?? 0;
  return expiryOf(first) - expiryOf(second) || wanted(other) - wanted(one);
}

/** The reference makes the calls in this order: what creates rows, what is changed, and only then what was refused or read. */
function orderOf({ method }: Call, outcome: Outcome): number {
  if (method.startsWith('create')) return 'value' in outcome ? 0 : 2;
  if (method === 'getSessionContext') return 4;
  return method === 'updateSession' ? 1 : 3;
}

function checkFailure({ method, isUnreadable }: Call, outcome: Outcome): void {
  const wanted = isUnreadable ? 'auth_postgres/query_failed' : 'auth_postgres/invalid_input';
  const error = 'error' in outcome ? outcome.error : undefined;
  if (!(error instanceof InternalError) || error.code !== wanted) {
    throw new Mismatch(`${method} should have failed with ${wanted}: ${JSON.stringify(outcome)}`);
  }
}

/** Checks what calls have written whose callers had given up, and returns the e-mails that it has taken. */
async function checkGivenUp(given: [Call, Outcome][]): Promise<string[]> {
  const rows = await db.query<{ email: string | null }>(
    `SELECT lower(email) AS email FROM users WHERE plan = 'given-up'
      UNION ALL
     SELECT NULL FROM sessions WHERE plan = 'given-up'`,
  );
  const possible = given.filter(
    ([, outcome]) => 'value' in outcome || (outcome.error as InternalError).context.outcome === 'unknown',
  );
  const certain = given.filter(([, outcome]) => 'value' in outcome);
  if (rows.length > possible.length || rows.length < certain.length) {
    throw new Mismatch(`${rows.length} rows of ${certain.length} to ${possible.length} calls that were given up`);
  }
  return rows.flatMap(({ email }) => email ?? []);
}

/** Whether a user was refused because of a row that the reference does not know: one whose caller had given up before it was written. */
function isRefusedForGivenUp({ method, args }: Call, outcome: Outcome, taken: string[]): boolean {
  const { email } = args[0] as { email?: string };
  if (method !== 'createUser' || email === undefined || !taken.includes(email.toLowerCase())) return false;
  const { code, context } = ('error' in outcome ? outcome.error : {}) as Partial<InternalError>;
  return code === 'auth_postgres/conflict' && context?.field === 'email';
}

async function compareTogether(generated: Call[]): Promise<void> {
  // Each is a call of its own, even where the generator gave the same object twice.
  const set = generated.map((each) => ({ ...each }));
  await db.query(RESET);
  const storage = db.adapter({ max: 10, statementTimeoutMs: 0 });
  const model = new Model([storage], db.query);
  await populate(model);
  for (const each of set) {
    const [id, patch, options] = each.args as [string, unknown, typeof AS_AT_FIRST | undefined];
    if (options?.ifUpdatedAt !== AS_AT_FIRST.ifUpdatedAt) continue;
    each.args = [id, patch, { ...options, ifUpdatedAt: model.state.sessions.get(id)?.updatedAt }];
  }
  await db.query(UNREADABLE);
  const holder = new Client({ connectionString: db.url });
  await holder.connect();
  const outcomes = new Map<Call, Outcome>();
  try {
    await holder.query('BEGIN');
    for (const sql of LOCKS) await holder.query(sql);
    model.facts.begin();
    const made = set.map(async (each) => {
      const adapter = storage as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
      outcomes.set(
        each,
        await outcomeOf(() => (adapter[each.method] as () => Promise<unknown>).apply(storage, each.args as [])),
      );
    });
    const free = made.filter((_, at) => !set[at]?.isLocked);
    await Promise.race([Promise.all(free), new Promise((resolve) => setTimeout(resolve, HELD_UP_MS).unref())]);
    const heldUp = set.filter((each) => !each.isLocked && !outcomes.has(each));
    if (heldUp.length > 0)
      throw new Mismatch(`${heldUp.length} calls were held up: ${fc.stringify(heldUp.slice(0, 3))}`);
    const early = set.filter((each) => each.isLocked && outcomes.has(each));
    if (early.length > 0) throw new Mismatch(`did not wait for the lock: ${fc.stringify(early)}`);
    await holder.query('ROLLBACK');
    await Promise.all(made);
  } finally {
    await holder.end();
    await storage.disconnect();
  }
  const replayed = set.map((each): [Call, Outcome] => [each, outcomes.get(each) as Outcome]);
  const taken = await checkGivenUp(replayed.filter(([{ givesUp }]) => givesUp));
  await db.query(FORGET);
  model.state.users.delete('unreadable');
  model.state.sessions.delete('unreadable');
  replayed.sort(([one, first], [other, second]) => {
    const difference = orderOf(one, first) - orderOf(other, second);
    return difference || (one.method === 'getSessionContext' ? byExpiry([one, first], [other, second]) : 0);
  });
  for (const [each, outcome] of replayed) {
    if (each.isUnreadable || each.isRefusedByServer) checkFailure(each, outcome);
    else if (!each.givesUp && !isRefusedForGivenUp(each, outcome, taken))
      await model.replay(each.method, each.args, outcome);
  }
  model.adapters[0] = db.storage;
  model.facts.begin();
  await checkCounts(model);
}

async function checkCounts(model: Model): Promise<void> {
  // The order in which events were written is theirs.
  const rows = await db.query<{ type: string; count: number }>(
    'SELECT type, count(*)::int FROM auth_events GROUP BY type',
  );
  const written = new Map(rows.map(({ type, count }) => [type, count]));
  for (const { type } of model.state.events) written.set(type as string, (written.get(type as string) ?? 0) - 1);
  const wrong = [...written].filter(([, count]) => count !== 0);
  if (wrong.length > 0) throw new Mismatch(`events: ${JSON.stringify(wrong)}`);
  await db.query('DELETE FROM auth_events');
  model.state.events = [];
  await checkEverything(model);
}

beforeAll(() => db.query(`ALTER TABLE auth_events ADD CONSTRAINT no_bad_type CHECK (type <> 'bad')`));

it(
  'together: calls that share statements have the same results as calls made one by one',
  () =>
    fc.assert(fc.asyncProperty(calls, compareTogether), {
      numRuns: RUNS,
      seed: SEED,
      endOnFailure: process.env.CI !== undefined,
      ...(PATH ? { path: PATH } : {}),
    }),
  30_000 + RUNS * 30_000,
);
