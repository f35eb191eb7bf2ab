/** Many calls at once for the members of one organization, and lost answers: seats and owners are kept. */
import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { Client } from 'pg';
import { useDatabase } from './helpers/database';
import { expectCode, rejection } from './helpers/errors';
import { backendsOf, until } from './helpers/failing';
import { memberInput } from './helpers/fixtures';
import { membersFor } from './helpers/members';
import { race } from './helpers/race';
import { Relay } from './helpers/relay';

const db = useDatabase();
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

let storages: PostgresStorageAdapter[];
const users: string[] = [];
beforeAll(async () => {
  storages = [db.storage, db.adapter({ max: 4 }), db.adapter({ max: 4, pooler: 'transaction' })];
  users.push(...(await Promise.all(numbers(300).map(() => db.storage.createUser({})))).map(({ id }) => id));
});

const { user, owner, create, membersOf, roles } = membersFor(db, users);

describe.each([64, 256])('%i calls at once', (calls) => {
  it('add all members if there are seats for them', async () => {
    const id = await create([owner(299)]);
    const { rejected } = await race(calls, storages, (storage, at) =>
      storage.addOrganizationMember(id, memberInput(user(at))),
    );
    expect(rejected).toEqual([]);
    const members = await membersOf(id);
    expect(new Set(members.map(({ userId }) => userId))).toEqual(new Set([user(299), ...users.slice(0, calls)]));
  });

  it('never take more seats than there are, and refuse the others by name', async () => {
    const id = await create([owner(299)], 11);
    const { fulfilled, rejected } = await race(calls, storages, (storage, at) =>
      storage.addOrganizationMember(id, memberInput(user(at))),
    );
    expect(fulfilled).toHaveLength(10);
    expect(new Set(rejected.map(({ code, context }) => `${code} ${context.field}`))).toEqual(
      new Set(['auth_postgres/invalid_input members']),
    );
    expect(await membersOf(id)).toHaveLength(11);
  });

  it('add one user once', async () => {
    const id = await create([owner(299)]);
    const { fulfilled, rejected } = await race(calls, storages, (storage) =>
      storage.addOrganizationMember(id, memberInput(user(0))),
    );
    expect(fulfilled).toHaveLength(1);
    expect(new Set(rejected.map(({ code }) => code))).toEqual(new Set(['auth_postgres/conflict']));
    expect(await membersOf(id)).toHaveLength(2);
  });

  it('leave one owner if all owners are removed and demoted', async () => {
    const id = await create(numbers(calls).map(owner));
    const { fulfilled, rejected } = await race(calls, storages, (storage, at) =>
      at % 2 === 0
        ? storage.removeOrganizationMember(id, user(at))
        : storage.setOrganizationMemberRole(id, user(at), 'member'),
    );
    expect(fulfilled).toHaveLength(calls - 1);
    expect(rejected.map(({ code }) => code)).toEqual(['auth_postgres/invalid_input']);
    const members = await membersOf(id);
    expect(members.filter(({ role }) => role === 'owner')).toHaveLength(1);
    expect(members.length).toBeGreaterThanOrEqual(calls / 2);
  });

  it('keep the seats and an owner while members come, go and change their roles', async () => {
    const seats = 20;
    const id = await create([owner(0), owner(1)], seats);
    const { rejected } = await race(calls, storages, async (storage, at) => {
      const who = user(at % 30);
      if (at % 3 === 0) return storage.removeOrganizationMember(id, who);
      if (at % 3 === 1)
        return storage.addOrganizationMember(id, { userId: who, role: at % 2 === 0 ? 'owner' : 'member' });
      return storage.setOrganizationMemberRole(id, who, at % 2 === 0 ? 'member' : 'admin');
    });
    const codes = new Set(rejected.map(({ code }) => code.replace('auth_postgres/', '')));
    for (const code of codes) expect(['conflict', 'not_found', 'invalid_input']).toContain(code);
    const members = await membersOf(id);
    expect(members.length).toBeLessThanOrEqual(seats);
    expect(members.filter(({ role }) => role === 'owner').length).toBeGreaterThanOrEqual(1);
  });

  it('decide by what others have changed while they held the organization', async () => {
    const id = await create([owner(0), owner(1)], 100);
    const storage = db.adapter({ application_name: 'members', max: 4 });
    const client = new Client({ connectionString: db.url });
    await client.connect();
    try {
      await client.query('BEGIN');
      await client.query(
        `UPDATE organizations SET seats = 3, members = jsonb_set(members, '{1,role}', '"admin"') WHERE id = $1`,
        [id],
      );
      const adds = race(calls, (at) => storage.addOrganizationMember(id, memberInput(user(2 + at))));
      const removal = rejection(storage.removeOrganizationMember(id, user(0)));
      await until(async () => (await backendsOf(db, 'members', { waiting: true })).length > 0);
      await client.query('COMMIT');
      expect((await adds).fulfilled).toHaveLength(1);
      expect((await removal).context).toMatchObject({ field: 'userId' });
    } finally {
      await client.end();
    }
    expect(await membersOf(id)).toHaveLength(3);
  });

  it('of deleteUser and addOrganizationMember leave no member that is no user', async () => {
    const id = await create([owner(299)]);
    const gone = await Promise.all(numbers(calls / 2).map(async () => (await db.storage.createUser({})).id));
    const { rejected } = await race<PostgresStorageAdapter, unknown>(calls, storages, (storage, at) => {
      const who = gone[Math.floor(at / 2)] as string;
      return at % 2 === 0 ? storage.addOrganizationMember(id, memberInput(who)) : storage.deleteUser(who);
    });
    expect(rejected.filter(({ code }) => code !== 'auth_postgres/invalid_reference')).toEqual([]);
    expect((await membersOf(id)).map(({ userId }) => userId)).toEqual([user(299)]);
  });
});

describe('when the answer of the server is lost', () => {
  let relay: Relay;
  let storage: PostgresStorageAdapter;
  beforeEach(async () => {
    relay = await Relay.start(db.url);
    storage = db.adapter({ max: 1 }, relay.url);
    await storage.connect();
  });
  afterEach(async () => {
    await storage.disconnect();
    await relay.close();
  });

  /** Loses the answer to the next statement that changes members. */
  const loseAnswer = () => {
    let isLost = false;
    let isSent = false;
    relay.onMessage(({ from, type, bytes }) => {
      if (from === 'client' && bytes.includes('WITH locked')) isSent = true;
      if (from === 'client' || type !== '2' || !isSent || isLost) return 'pass';
      isLost = true;
      return 'cut';
    });
  };

  it('addOrganizationMember and setOrganizationMemberRole leave their outcome unknown', async () => {
    const id = await create([owner(0), owner(1)]);
    loseAnswer();
    const added = await expectCode(storage.addOrganizationMember(id, memberInput(user(2))), 'connection_failed');
    expect([added.context.outcome, added.retryable]).toEqual(['unknown', false]);
    await until(async () => (await membersOf(id)).length === 3);
    loseAnswer();
    const changed = await expectCode(storage.setOrganizationMemberRole(id, user(1), 'admin'), 'connection_failed');
    expect([changed.context.outcome, changed.retryable]).toEqual(['unknown', false]);
    await until(async () => roles(await db.storage.getOrganization(id))[1] === 'admin');
  });

  it('removeOrganizationMember is repeated', async () => {
    const members = [owner(0), owner(1)];
    const id = await create(members);
    loseAnswer();
    expect((await storage.removeOrganizationMember(id, user(0))).members).toStrictEqual([members[1]]);
  });

  it('removeOrganizationMember is not refused without saying that it may have been done', async () => {
    const id = await create([owner(0), owner(1)]);
    // Somebody puts the user back, as the only owner.
    await db.query(`CREATE FUNCTION put_back() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN NEW.members := pg_catalog.jsonb_path_query_array(OLD.members, ''$[0]''); RETURN NEW; END'`);
    await db.query('CREATE TRIGGER put_back BEFORE UPDATE ON organizations FOR EACH ROW EXECUTE FUNCTION put_back()');
    try {
      loseAnswer();
      const refused = storage.removeOrganizationMember(id, user(0));
      await expectCode(refused, 'invalid_input', { field: 'userId', outcome: 'unknown' });
    } finally {
      await db.query('DROP FUNCTION put_back CASCADE');
    }
  });
});
