/** Password hashes are set and read by methods of their own, and are not part of a user’s record. */
import { useDatabase } from './helpers/database';
import { expectCode, expectInvalidInput, rejection } from './helpers/errors';
import { backendsOf, until, whileLocked } from './helpers/failing';
import { unique, userInput } from './helpers/fixtures';
import { FIRST, MIGRATIONS } from './helpers/migrations';
import { Relay } from './helpers/relay';

const db = useDatabase();

/** As the library makes a user: with the hash in the record, and an id of its own. */
const libraryUser = (overrides: object = {}) => ({
  ...userInput(),
  id: unique('user'),
  passwordHash: unique('salt:hash'),
  createdAt: new Date(),
  updatedAt: new Date(),
  ...overrides,
});

it('createUser stores a passwordHash that no user record contains', async () => {
  for (const id of [undefined, unique('user')]) {
    const input = libraryUser({ id });
    const user = await db.storage.createUser(input);
    await expect(db.storage.getPasswordHash(user.id)).resolves.toBe(input.passwordHash);
    const seen = [
      user,
      await db.storage.getUser(user.id),
      await db.storage.getUserByEmail(input.email),
      await db.storage.updateUser(user.id, { name: 'Grace' }),
      await db.storage.linkOAuthAccount(user.id, 'google', { provider: 'google', sub: unique() }),
    ];
    expect(JSON.stringify(seen)).not.toContain(input.passwordHash);
    expect(JSON.stringify(await db.query('SELECT * FROM users WHERE id = $1', [user.id]))).not.toContain('salt:hash');
  }
});

it('getPasswordHash returns null for a user without a hash, and for an unknown user', async () => {
  for (const passwordHash of [undefined, null]) {
    const { id } = await db.storage.createUser({ passwordHash });
    await expect(db.storage.getPasswordHash(id)).resolves.toBeNull();
  }
  await expect(db.storage.getPasswordHash(unique('nobody'))).resolves.toBeNull();
  await expect(db.storage.getPasswordHash('')).resolves.toBeNull();
});

it('setPasswordHash sets, replaces and removes a hash without changing updatedAt', async () => {
  const { id, updatedAt } = await db.storage.createUser({});
  for (const hash of ['first', 'second', '🔑'.repeat(256)]) {
    await expect(db.storage.setPasswordHash(id, hash)).resolves.toBeUndefined();
    await expect(db.storage.getPasswordHash(id)).resolves.toBe(hash);
  }
  await db.storage.setPasswordHash(id, null);
  await db.storage.setPasswordHash(id, null);
  await expect(db.storage.getPasswordHash(id)).resolves.toBeNull();
  expect((await db.storage.getUser(id))?.updatedAt).toEqual(updatedAt);
});

it('setPasswordHash and createUser reject a wrong hash, updateUser rejects any, and an unknown user is not_found', async () => {
  const { id } = await db.storage.createUser({ passwordHash: 'stays' });
  for (const hash of ['', 'a\0b', 'x'.repeat(1025), '\ud800', 7, {}, undefined]) {
    await expectInvalidInput(db.storage.setPasswordHash(id, hash as never), 'hash');
  }
  for (const passwordHash of ['', 'a\0b', 'x'.repeat(1025), 7, {}]) {
    await expectInvalidInput(db.storage.createUser({ passwordHash } as never), 'passwordHash');
  }
  await expectInvalidInput(db.storage.updateUser(id, { passwordHash: 'x' } as never), 'passwordHash');
  await expect(db.storage.getPasswordHash(id)).resolves.toBe('stays');
  await expectCode(db.storage.setPasswordHash(unique('nobody'), 'x'), 'not_found');
  await expectCode(db.storage.setPasswordHash(unique('nobody'), null), 'not_found');
});

it('deleteUser deletes the hash of the user', async () => {
  const { id } = await db.storage.createUser({ passwordHash: 'x' });
  await db.storage.deleteUser(id);
  await expect(db.storage.getPasswordHash(id)).resolves.toBeNull();
  expect(await db.query('SELECT 1 FROM password_hashes WHERE user_id = $1', [id])).toEqual([]);
});

it('createUser that ends in a conflict stores no hash, and keeps the hash of the existing user', async () => {
  const { email } = await db.storage.createUser(userInput());
  const input = libraryUser({ email });
  const error = await expectCode(db.storage.createUser(input), 'conflict', { field: 'email' });
  expect(JSON.stringify(error)).not.toContain(input.passwordHash);
  await expect(db.storage.getPasswordHash(input.id)).resolves.toBeNull();
  const taken = await db.storage.createUser(libraryUser());
  const before = await db.storage.getPasswordHash(taken.id);
  await expectCode(db.storage.createUser(libraryUser({ id: taken.id })), 'conflict', { field: 'id' });
  await expect(db.storage.getPasswordHash(taken.id)).resolves.toBe(before);
});

it('createUser keeps each user’s own hash when 200 users are created at once, with and without one', async () => {
  const inputs = Array.from({ length: 200 }, (_, at) =>
    at % 3 === 0 ? userInput() : libraryUser(at % 2 ? { id: undefined } : {}),
  );
  const users = await Promise.all(inputs.map((input) => db.storage.createUser(input)));
  const hashes = await Promise.all(users.map(({ id }) => db.storage.getPasswordHash(id)));
  expect(hashes).toEqual(inputs.map((input) => ('passwordHash' in input ? input.passwordHash : null)));
});

describe('createUser with a passwordHash, when its answer is lost,', () => {
  const cutAnswers = (relay: Relay, count: number) => {
    let lost = 0;
    relay.onMessage(({ from, type }) => {
      if (from === 'client' || type !== '2' || lost >= count) return 'pass';
      lost += 1;
      return 'cut';
    });
  };

  it('creates the user once, with the hash', async () => {
    const relay = await Relay.start(db.url);
    const storage = db.adapter({}, relay.url);
    for (const id of [undefined, unique('user')]) {
      cutAnswers(relay, 1);
      const input = libraryUser({ id });
      const user = await storage.createUser(input);
      await expect(db.storage.getUser(user.id)).resolves.toStrictEqual(user);
      await expect(db.storage.getPasswordHash(user.id)).resolves.toBe(input.passwordHash);
    }
    await storage.disconnect();
    await relay.close();
  });

  it('rejects with conflict when the user that exists has another hash', async () => {
    const relay = await Relay.start(db.url);
    const storage = db.adapter({}, relay.url);
    const input = libraryUser();
    for (const passwordHash of ['other', null]) {
      await db.storage.deleteUser(input.id);
      await db.storage.createUser({ ...input, passwordHash });
      cutAnswers(relay, 1);
      expect((await rejection(storage.createUser(input))).code).toBe('auth_postgres/conflict');
      await expect(db.storage.getPasswordHash(input.id)).resolves.toBe(passwordHash);
    }
    await storage.disconnect();
    await relay.close();
  });

  it('returns the user of the first attempt when the second waited for it', async () => {
    const relay = await Relay.start(db.url);
    const name = unique('create');
    const storage = db.adapter({ application_name: name }, relay.url);
    const waiting = (count: number) => async () => (await backendsOf(db, name, { waiting: true })).length === count;
    const input = libraryUser();
    await whileLocked(db, 'LOCK TABLE password_hashes IN SHARE MODE', [], async (release) => {
      const creation = storage.createUser(input);
      await until(waiting(1));
      // The server does not notice the cut: the first statement continues, and the second one waits for its user.
      relay.cut();
      await until(waiting(2));
      await release();
      await expect(creation).resolves.toMatchObject({ id: input.id, email: input.email });
    });
    await expect(db.storage.getPasswordHash(input.id)).resolves.toBe(input.passwordHash);
    await storage.disconnect();
    await relay.close();
  });
});

describe('the table password_hashes', () => {
  const other = useDatabase({ migrated: false });

  it('gets the owner and the privileges of the table users', async () => {
    const [owner, reader] = [unique('owner'), unique('reader')];
    const role = (name: string) => `"${name}"`;
    await other.storage.connect();
    await other.storage.rollback({ to: FIRST });
    await other.query(`CREATE ROLE ${role(owner)}; CREATE ROLE ${role(reader)}`);
    await other.query(`GRANT CREATE ON SCHEMA public TO ${role(owner)}; ALTER TABLE users OWNER TO ${role(owner)}`);
    await other.query(
      `GRANT SELECT, INSERT ON users TO ${role(reader)} WITH GRANT OPTION; GRANT SELECT ON users TO PUBLIC`,
    );
    try {
      await other.storage.connect();
      const rightsOn = (table: string) =>
        other.query(
          `SELECT r.rolname AS owner, a.grantee::regrole::text, a.privilege_type, a.is_grantable
             FROM pg_class c
             JOIN pg_roles r ON r.oid = c.relowner
            CROSS JOIN aclexplode(c.relacl) a
            WHERE c.oid = $1::regclass
            ORDER BY 2, 3`,
          [table],
        );
      const rights = await rightsOn('users');
      expect(rights.length).toBeGreaterThan(9);
      expect(await rightsOn('password_hashes')).toEqual(rights);
      expect((await other.query('SELECT id FROM auth_migrations ORDER BY id')).map(({ id }) => id)).toEqual(MIGRATIONS);
    } finally {
      await other.query(`REASSIGN OWNED BY ${role(owner)} TO CURRENT_USER`);
      await other.query(`DROP OWNED BY ${role(owner)}, ${role(reader)}; DROP ROLE ${role(owner)}, ${role(reader)}`);
    }
  });
});
