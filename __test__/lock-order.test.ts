/**
 * Statements that lock several rows lock them in one order: two of them then meet at the first row that they share,
 * instead of waiting for each other in a circle. Each test holds the first row, so that the statement stops there, and
 * sees that it has not locked any other.
 */
import { Client } from 'pg';
import { useDatabase } from './helpers/database';
import { backendsOf, until, whileLocked } from './helpers/failing';
import { memberInput, organizationInput, sessionInput, unique, userInput } from './helpers/fixtures';
import { race } from './helpers/race';
import { Relay } from './helpers/relay';

const db = useDatabase();
const NAME = 'lock-order';
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);
const isWaiting = async () => (await backendsOf(db, NAME, { waiting: true })).length > 0;

/** Those of the rows that no transaction has locked. */
const free = async (table: string, ids: string[]): Promise<string[]> =>
  (await db.query(`SELECT id FROM ${table} WHERE id = ANY($1) ORDER BY id FOR UPDATE SKIP LOCKED`, [ids])).map(
    ({ id }) => id,
  );

/** Joins that leave rows in the order in which they came: a sort or a hash could bring about the right one by chance. */
const PLAIN_JOINS = '-c enable_mergejoin=off -c enable_hashjoin=off';
/** Joins that return rows in no order, as the server chooses them for many rows. */
const HASH_JOINS = '-c enable_mergejoin=off -c enable_nestloop=off';

/** A program that writes without the adapter. */
async function withClient<T>(work: (client: Client) => Promise<T>, options = PLAIN_JOINS): Promise<T> {
  const client = new Client({ connectionString: db.url, application_name: NAME, options });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** A user in several organizations, which were made in another order than that of their ids. */
async function makeMember(organizations: number) {
  const { id: userId } = await db.storage.createUser(userInput());
  const prefix = unique('org');
  const orgIds = numbers(organizations).map((at) => `${prefix}.${at}`);
  for (const at of numbers(organizations)) {
    const id = orgIds[(at * 3 + 5) % organizations] as string;
    await db.storage.createOrganization(organizationInput({ id, members: [memberInput(userId)] }));
  }
  const [first, ...others] = orgIds as [string, ...string[]];
  return { userId, first, others };
}

const LOCK_ORGANIZATION = 'SELECT FROM organizations WHERE id = $1 FOR NO KEY UPDATE';
const membersOf = async (orgIds: string[]) =>
  db.query(`SELECT FROM organizations WHERE id = ANY($1) AND members <> '[]'`, [orgIds]);

describe('a user that is deleted', () => {
  it('is locked after its organizations, which are locked in the order of their ids', async () => {
    const { userId, first, others } = await makeMember(8);
    const storage = db.adapter({ application_name: NAME });
    await whileLocked(db, LOCK_ORGANIZATION, [first], async (release) => {
      const deleted = storage.deleteUser(userId);
      await until(isWaiting);
      expect(await free('organizations', others)).toEqual(others);
      expect(await free('users', [userId])).toEqual([userId]);
      await release();
      await deleted;
    });
    expect(await membersOf([first, ...others])).toEqual([]);
    await storage.disconnect();
  });

  it('by a program of its own leaves its organizations in the order of their ids', async () => {
    const { userId, first, others } = await makeMember(8);
    await withClient((client) =>
      whileLocked(db, LOCK_ORGANIZATION, [first], async (release) => {
        const deleted = client.query('DELETE FROM users WHERE id = $1', [userId]);
        await until(isWaiting);
        expect(await free('organizations', others)).toEqual(others);
        await release();
        await deleted;
      }),
    );
    expect(await membersOf([first, ...others])).toEqual([]);
  });

  it('does not leave an organization that takes it in meanwhile with a member who does not exist', async () => {
    const { userId, first } = await makeMember(1);
    const storage = db.adapter({ application_name: NAME });
    const { id: other } = await db.storage.createOrganization(organizationInput());
    // The organization is written first, the user is referred to afterwards: as every writer of members does.
    await withClient(async (client) => {
      await client.query('BEGIN');
      await client.query(LOCK_ORGANIZATION, [first]);
      const deleted = storage.deleteUser(userId);
      await until(isWaiting);
      const members = JSON.stringify([memberInput(userId)]);
      await client.query('UPDATE organizations SET members = $2 WHERE id = $1', [other, members]);
      await client.query('COMMIT');
      await deleted;
    });
    expect(await membersOf([first, other])).toEqual([]);
    await storage.disconnect();
  });
});

describe('members', () => {
  it.each(['createOrganization', 'updateOrganization'] as const)(
    'of %s are locked in the order of bytes',
    async (method) => {
      // A locale would put them in the other order.
      const [first, second] = [unique('B'), unique('a')];
      await Promise.all([first, second].map((id) => db.storage.createUser({ id })));
      const members = [second, first].map((id) => memberInput(id));
      const { id } = await db.storage.createOrganization(organizationInput());
      const storage = db.adapter({ application_name: NAME });
      await whileLocked(db, 'SELECT FROM users WHERE id = $1 FOR UPDATE', [first], async (release) => {
        const written =
          method === 'createOrganization'
            ? storage.createOrganization(organizationInput({ members }))
            : storage.updateOrganization(id, { members });
        await until(isWaiting);
        expect(await free('users', [second])).toEqual([second]);
        await release();
        expect((await written).members.map(({ userId }) => userId)).toEqual([second, first]);
      });
      await storage.disconnect();
    },
  );
});

describe('members that join many others', () => {
  it('are locked in the order of bytes, whatever plan the server makes of so many', async () => {
    const many = numbers(2_000).map((at) => `${unique('m')}.${at}`);
    const added = ['B', ...numbers(16).map((at) => `a${10 + at}`)].map((name) => unique(name));
    await db.query('INSERT INTO users (id) SELECT unnest($1::text[])', [[...many, ...added]]);
    const members = many.map((id) => memberInput(id));
    const { id } = await db.storage.createOrganization(organizationInput({ members, seats: 5_000 }));
    await db.query('ANALYZE organization_members');
    const [first, ...others] = added as [string, ...string[]];
    const all = [...members, ...added.map((newId) => memberInput(newId))];
    await withClient(async (client) => {
      await whileLocked(db, 'SELECT FROM users WHERE id = $1 FOR UPDATE', [first], async (release) => {
        const written = client.query('UPDATE organizations SET members = $2 WHERE id = $1', [id, JSON.stringify(all)]);
        await until(isWaiting);
        expect(await free('users', others)).toEqual(others);
        await release();
        await written;
      });
    }, HASH_JOINS);
  });
});

describe('OAuth accounts', () => {
  it.each(['INSERT', 'UPDATE'])(
    'of one %s of a user take their places in the order of providers',
    async (statement) => {
      const [holder, neighbour, writer] = [unique('holder'), unique('neighbour'), unique('writer')];
      const there = [holder, neighbour, ...(statement === 'INSERT' ? [] : [writer])];
      await Promise.all(there.map((id) => db.storage.createUser({ id })));
      // In JSON the shorter key comes first.
      const [shared, own] = [unique('shared'), unique('own')];
      const oauth = JSON.stringify({ b: { sub: own }, aa: { sub: shared } });
      const account = `UPDATE users SET oauth = jsonb_build_object($1::text, jsonb_build_object('sub', $2::text)) WHERE id = $3`;
      await withClient((client) =>
        whileLocked(db, account, ['aa', shared, holder], async (release) => {
          const written = client.query(
            statement === 'INSERT'
              ? 'INSERT INTO users (id, oauth) VALUES ($1, $2)'
              : 'UPDATE users SET oauth = $2 WHERE id = $1',
            [writer, oauth],
          );
          await until(isWaiting);
          // Nobody waits for the other place.
          await withClient(async (other) => {
            await other.query(`BEGIN; SET LOCAL lock_timeout = '300ms'`);
            await other.query(account, ['b', own, neighbour]);
            await other.query('ROLLBACK');
          });
          await release();
          await written;
        }),
      );
      expect(
        await db.query('SELECT provider FROM user_oauth_accounts WHERE user_id = $1 ORDER BY 1', [writer]),
      ).toEqual([{ provider: 'aa' }, { provider: 'b' }]);
    },
  );
});

it.each([64, 256])('%i sessions that are created together are inserted in the order of their ids', async (callers) => {
  const { id: userId } = await db.storage.createUser({});
  const relay = await Relay.start(db.url);
  const storage = db.adapter({}, relay.url);
  await storage.connect();
  relay.reset();
  const { rejected } = await race(callers, (index) =>
    storage.createSession(sessionInput(userId, { id: `m${(index * 37) % callers}.${unique('Sorted')}` })),
  );
  expect(rejected).toEqual([]);
  const statements = relay.messages
    .filter(({ from, type }) => from === 'client' && type === 'B')
    .map(({ bytes }) => bytes.toString('latin1').match(/m\d+\.Sorted-[-0-9a-f]{36}/g) ?? []);
  expect(Math.max(...statements.map(({ length }) => length))).toBeGreaterThan(10);
  for (const ids of statements) expect(ids).toEqual([...ids].sort());
  await storage.disconnect();
  await relay.close();
});
