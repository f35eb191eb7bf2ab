/** What `node:diagnostics_channel` publishes of each call. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel';
import type { InternalError } from '@kitiumai/auth-postgres';
import { useDatabase } from './helpers/database';
import { rejection } from './helpers/errors';
import { whileFailing } from './helpers/failing';
import { unique } from './helpers/fixtures';

const db = useDatabase();

const EVENTS = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'] as const;

interface Seen {
  event: string;
  call: Record<string, unknown>;
  /** What the call was at that moment. */
  now: Record<string, unknown>;
}

/** Collects the events of a method while the work is done. */
async function whileSubscribed(method: string, work: () => Promise<unknown>): Promise<Seen[]> {
  const seen: Seen[] = [];
  const handlers = EVENTS.map((event) => {
    const handler = (call: unknown) => {
      seen.push({ event, call: call as Seen['call'], now: { ...(call as Seen['call']) } });
    };
    subscribe(`tracing:auth-postgres:${method}:${event}`, handler);
    return () => unsubscribe(`tracing:auth-postgres:${method}:${event}`, handler);
  });
  try {
    await work();
  } finally {
    for (const stop of handlers) stop();
  }
  return seen;
}

it('a call publishes start, end, asyncStart and asyncEnd, with its method, server, attempts and rows', async () => {
  const { id } = await db.storage.createUser({});
  const seen = await whileSubscribed('getUser', () => db.storage.getUser(id));
  expect(seen.map(({ event }) => event)).toEqual(['start', 'end', 'asyncStart', 'asyncEnd']);
  const { hostname, port } = new URL(db.url);
  const server = { address: hostname, port: Number(port), database: db.name };
  expect(seen[0]?.now).toEqual({ operation: 'getUser', server, attempts: 0, rows: undefined });
  expect(seen[3]?.now).toMatchObject({ operation: 'getUser', attempts: 1, rows: 1 });
  expect(new Set(seen.map(({ call }) => call)).size).toBe(1);
});

it('neither arguments nor results are published', async () => {
  const email = unique('traced');
  const seen = await whileSubscribed('createUser', () => db.storage.createUser({ email, name: 'Tracy' }));
  expect(seen).toHaveLength(4);
  expect(JSON.stringify(seen)).not.toMatch(/Tracy|traced/);
});

it.each([
  ['getUser', () => db.storage.getUser('nobody'), 0],
  ['listRoles', () => db.storage.listRoles('nothing'), 0],
  ['deleteUserSessions', () => db.storage.deleteUserSessions('nobody'), 0],
  ['deleteUser', () => db.storage.deleteUser('nobody'), undefined],
])('the number of rows of %s', async (method, call, rows) => {
  const seen = await whileSubscribed(method, call);
  expect(seen.at(-1)?.now.rows).toBe(rows);
});

it('a call that fails publishes its error, and rejects as it would without subscribers', async () => {
  let error: InternalError | undefined;
  const seen = await whileSubscribed('updateUser', async () => {
    error = await rejection(db.storage.updateUser('nobody', { name: 'x' }));
  });
  expect(seen.map(({ event }) => event)).toEqual(['start', 'end', 'error', 'asyncStart', 'asyncEnd']);
  expect(seen[2]?.now.error).toBe(error);
  expect(error?.stack).toContain('tracing-channels.test.ts');
});

it('a call that is refused before it reaches the core has no attempts', async () => {
  const seen = await whileSubscribed('getUser', () => rejection(db.storage.getUser(7 as never)));
  expect(seen.at(-1)?.now).toMatchObject({ attempts: 0, error: { code: 'auth_postgres/invalid_input' } });
});

it('the attempts of a call that had to be repeated are counted, whether it succeeds or fails', async () => {
  const storage = db.adapter({ maxRetries: 2 });
  const { id } = await storage.createUser({});
  await whileFailing(db, '40001', { times: 1 }, async () => {
    const seen = await whileSubscribed('updateUser', () => storage.updateUser(id, { name: 'second attempt' }));
    expect(seen.at(-1)?.now).toMatchObject({ attempts: 2, rows: 1 });
  });
  await whileFailing(db, '40001', {}, async () => {
    const seen = await whileSubscribed('updateUser', () => rejection(storage.updateUser(id, { name: 'never' })));
    expect(seen.at(-1)?.now).toMatchObject({ attempts: 3, rows: undefined });
  });
});

it('256 calls at once, one of them bad, are published once each and in the async context of their callers', async () => {
  const contexts = new AsyncLocalStorage<number>();
  const ended: [number | undefined, unknown][] = [];
  const channel = tracingChannel('auth-postgres:createUser');
  const taken = unique('taken');
  await db.storage.createUser({ email: taken });
  const handlers = {
    asyncEnd: (call: { error?: InternalError }) => ended.push([contexts.getStore(), call.error?.code]),
  } as never;
  channel.subscribe(handlers);
  try {
    await Promise.allSettled(
      Array.from({ length: 256 }, (_, at) =>
        contexts.run(at, () => db.storage.createUser({ email: at === 100 ? taken : unique('one') })),
      ),
    );
  } finally {
    channel.unsubscribe(handlers);
  }
  const expected = Array.from({ length: 256 }, (_, at) => [at, at === 100 ? 'auth_postgres/conflict' : undefined]);
  expect(ended.sort(([one], [other]) => Number(one) - Number(other))).toEqual(expected);
});

it('a subscriber of one event alone is enough', async () => {
  const seen: unknown[] = [];
  const handler = (call: unknown) => seen.push(call);
  subscribe('tracing:auth-postgres:getRole:asyncEnd', handler);
  await db.storage.getRole('nothing');
  unsubscribe('tracing:auth-postgres:getRole:asyncEnd', handler);
  await db.storage.getRole('nothing');
  expect(seen).toHaveLength(1);
});
