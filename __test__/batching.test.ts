/** Look-ups and events of one kind that wait together share a statement, and each still gets its own answer. */
import { useDatabase } from './helpers/database';
import { expectCode } from './helpers/errors';
import {
  apiKeyInput,
  inAnHour,
  organizationInput,
  roleInput,
  sessionInput,
  unique,
  userInput,
} from './helpers/fixtures';
import { Relay } from './helpers/relay';
import type { Message } from './helpers/wire';

const db = useDatabase();
const CALLS = 1_000;

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

it('look-ups that share a statement answer each caller with its own row', async () => {
  const users = await Promise.all(numbers(50).map((index) => db.storage.createUser(userInput({ name: `${index}` }))));
  const sessions = await Promise.all(users.map(({ id }) => db.storage.createSession(sessionInput(id))));
  const keys = await Promise.all(users.map(({ id }) => db.storage.createApiKey(apiKeyInput(id))));
  const answers = await Promise.all(
    numbers(CALLS).map((call) => {
      const at = (call * 7) % 50;
      const user = users[at] as (typeof users)[number];
      const cases = [
        () => db.storage.getUser(user.id).then((found) => found?.name === `${at}`),
        () => db.storage.getUserByEmail((user.email as string).toUpperCase()).then((found) => found?.id === user.id),
        () => db.storage.getSession(sessions[at]?.id as string).then((found) => found?.userId === user.id),
        () => db.storage.getApiKeyByHash(keys[at]?.hash as string).then((found) => found?.principalId === user.id),
        () => db.storage.getSession(unique()).then((found) => found === null),
        () => db.storage.getUser('').then((found) => found === null),
      ];
      return (cases[call % cases.length] as (typeof cases)[number])();
    }),
  );
  expect(answers.filter((isRight) => !isRight)).toEqual([]);
});

it('look-ups of one row give each caller an object of its own', async () => {
  const { id } = await db.storage.createUser(userInput());
  const found = await Promise.all(numbers(64).map(() => db.storage.getUser(id)));
  expect(new Set(found).size).toBe(64);
  expect(new Set(found.map((user) => user?.metadata)).size).toBe(64);
});

it('1 000 look-ups at once take fewer than 50 statements', async () => {
  const relay = await Relay.start(db.url);
  const storage = db.adapter({}, relay.url);
  const { id: userId } = await storage.createUser(userInput());
  const { id } = await storage.createSession(sessionInput(userId));
  relay.reset();
  await Promise.all(numbers(CALLS).map(() => storage.getSession(id)));
  const statements = relay.roundTrips;
  expect(statements).toBeLessThan(CALLS / 20);
  await storage.disconnect();
  await relay.close();
});

it('a call’s connection is free again when the call is answered, so that calls in sequence use one connection', async () => {
  const storage = db.adapter();
  for (const index of numbers(100)) {
    const { id } = await storage.createUser(userInput());
    await storage.updateUser(id, { name: `${index}` });
  }
  expect((await storage.healthCheck()).pool.total).toBe(1);
  await storage.disconnect();
});

/** Keeps JavaScript's thread from everything else. */
function compute(ms: number) {
  const end = Date.now() + ms;
  while (Date.now() < end);
}

it('look-ups that are made when others have been answered share statements too', async () => {
  const relay = await Relay.start(db.url);
  const storage = db.adapter({}, relay.url);
  await storage.connect();
  const { id } = await storage.createUser(userInput());
  const turns = 20;
  relay.reset();
  await Promise.all(
    numbers(100).map(async () => {
      for (const _ of numbers(turns)) await storage.getUser(id);
    }),
  );
  expect(relay.roundTrips).toBeLessThan((100 * turns) / 8);
  await storage.disconnect();
  await relay.close();
});

it('few calls of one kind are sent in one statement, even if they follow from results of several turns of the event loop', async () => {
  let statements = 0;
  const { id } = await db.storage.createUser(userInput());
  const debug = (_: string, { operation }: { operation?: string }) => {
    if (operation === 'getSession') statements += 1;
  };
  const nothing = () => undefined;
  const storage = db.adapter({ logger: { debug, info: nothing, warn: nothing, error: nothing } });
  const counts = [];
  for (const _ of numbers(30)) {
    statements = 0;
    const together = numbers(100).map((at) =>
      storage.getUser(id).then(() => (at % 30 === 0 ? storage.getSession(id) : undefined)),
    );
    // Their results will be handed over at once, in several turns.
    compute(20);
    await Promise.all(together);
    counts.push(statements);
  }
  // Now and then a turn is long. Did the first turn's calls not wait, no round would do with one.
  expect(Math.min(...counts)).toBe(1);
});

/** The most statements that the server had to answer at one time. */
function mostAtOnce(messages: Message[]) {
  let open = 0;
  let most = 0;
  for (const { from, type } of messages) {
    if (from === 'client' && type === 'S') open += 1;
    if (from === 'server' && type === 'Z') open -= 1;
    most = Math.max(most, open);
  }
  return most;
}

it('a few look-ups made beside many running ones wait for the next statement instead of starting their own', async () => {
  const relay = await Relay.start(db.url);
  const storage = db.adapter({ min: 3 }, relay.url);
  const { id } = await storage.createUser(userInput());
  // The first statement still runs when the few are made, however busy the machine is.
  relay.delay(15);
  let rounds = 0;
  for (const _ of numbers(40)) {
    relay.reset();
    const large = numbers(40).map(() => storage.getUser(id));
    await new Promise(setImmediate);
    const small = numbers(5).map(() => storage.getUser(id));
    await Promise.all([...large, ...small]);
    if (mostAtOnce(relay.messages) === 1) rounds += 1;
  }
  // The calls of a long tick do not go together. If the few started their own statement, there would be next to no such round.
  expect(rounds).toBeGreaterThan(15);
  await storage.disconnect();
  await relay.close();
});

it('a call made when another is answered is sent while JavaScript still computes', async () => {
  const { id } = await db.storage.createUser(userInput());
  for (const _ of numbers(5)) {
    const together = numbers(4).map(() => db.storage.getUser(id));
    // Their results will be handed over at once.
    compute(50);
    await together[0];
    const created = db.storage.createSession(sessionInput(id));
    // Long enough for a server that is busy.
    compute(1_000);
    const computedUntil = Date.now();
    expect(computedUntil - (await created).createdAt.getTime()).toBeGreaterThan(50);
    await Promise.all(together);
  }
});

it('a look-up sees every write that was acknowledged before it was made', async () => {
  const { id: userId } = await db.storage.createUser(userInput());
  const { id } = await db.storage.createSession(sessionInput(userId));
  let isOver = false;
  // Each asks again when it has been answered: a machine that is slow is not buried under calls.
  const noise = numbers(50).map(async () => {
    while (!isOver) await db.storage.getSession(id);
  });
  try {
    for (const round of numbers(200)) {
      await db.storage.updateSession(id, { metadata: { round } });
      await expect(db.storage.getSession(id)).resolves.toMatchObject({ metadata: { round } });
    }
  } finally {
    isOver = true;
    await Promise.all(noise);
  }
});

describe('emitEvent, when calls share a statement,', () => {
  const event = (type: string) => ({ type, principalId: 'p', data: { type }, timestamp: new Date() });

  it('stores each event once', async () => {
    const types = numbers(CALLS).map((index) => `each.${index}`);
    await Promise.all(types.map((type) => db.storage.emitEvent(event(type))));
    const rows = await db.query(`SELECT type, data ->> 'type' AS data FROM auth_events WHERE type LIKE 'each.%'`);
    expect(rows.map(({ type }) => type).sort()).toEqual([...types].sort());
    expect(rows.filter(({ type, data }) => type !== data)).toEqual([]);
  });

  it('rejects an event that violates a constraint, and stores the others', async () => {
    await db.query(`ALTER TABLE auth_events ADD CONSTRAINT no_bad_type CHECK (type NOT LIKE 'bad.%')`);
    const results = await Promise.allSettled(
      numbers(300).map((index) => db.storage.emitEvent(event(`${index % 50 === 7 ? 'bad' : 'good'}.${index}`))),
    );
    const failed = results.flatMap((result, index) => (result.status === 'rejected' ? [index] : []));
    expect(failed).toEqual([7, 57, 107, 157, 207, 257]);
    for (const index of failed) {
      const { reason } = results[index] as PromiseRejectedResult;
      await expectCode(Promise.reject(reason), 'invalid_input', { sqlState: '23514', constraint: 'no_bad_type' });
    }
    const [{ count }] = await db.query(`SELECT count(*)::int FROM auth_events WHERE type LIKE 'good.%'`);
    expect(count).toBe(294);
    await db.query('ALTER TABLE auth_events DROP CONSTRAINT no_bad_type');
  });
});

it('getSession returns null for an expired session when live ones share its statement', async () => {
  const { id: userId } = await db.storage.createUser(userInput());
  const expired = await db.storage.createSession({ userId, expiresAt: new Date(0) });
  const live = await db.storage.createSession({ userId, expiresAt: inAnHour() });
  const found = await Promise.all(
    numbers(200).map((index) => db.storage.getSession(index % 2 === 0 ? expired.id : live.id)),
  );
  expect(found.filter((_, index) => index % 2 === 0)).toEqual(numbers(100).map(() => null));
  expect(found.filter((session, index) => index % 2 === 1 && session?.id !== live.id)).toEqual([]);
});

it('getUserRoles answers each caller with the roles of its own user, in the order of assignment', async () => {
  const { id: orgId } = await db.storage.createOrganization(organizationInput());
  const { id: otherOrgId } = await db.storage.createOrganization(organizationInput());
  const roles = await Promise.all(numbers(4).map(() => db.storage.createRole(roleInput(orgId))));
  const users = await Promise.all(numbers(20).map(() => db.storage.createUser(userInput())));
  for (const [at, { id }] of users.entries()) {
    // One after the other: they are listed by the time of assignment.
    for (const role of roles.slice(0, at % 5)) await db.storage.assignRoleToUser(id, role.id, orgId);
  }
  const alone = await Promise.all(users.map(({ id }) => db.adapter({ max: 1 }).getUserRoles(id, orgId)));
  expect(alone.map((list) => list.length)).toEqual(users.map((_, at) => at % 5));
  const calls = numbers(300).map((call) => ({
    at: call % 20,
    of: call % 7 === 0 ? otherOrgId : orgId,
  }));
  const together = await Promise.all(calls.map(({ at, of }) => db.storage.getUserRoles(users[at]?.id as string, of)));
  expect(together).toEqual(calls.map(({ at, of }) => (of === orgId ? alone[at] : [])));
});
