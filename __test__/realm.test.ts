/** jest gives each test file its own realm. Promises, objects, Dates and errors must belong to the caller’s realm. */
import { InternalError, PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { useDatabase } from './helpers/database';
import { rejection } from './helpers/errors';
import { inAnHour, oauthLink, organizationInput, userInput } from './helpers/fixtures';

const db = useDatabase();

it('methods return promises of the caller’s realm', async () => {
  const promise = db.storage.getUser('nobody');
  expect(promise).toBeInstanceOf(Promise);
  await promise;
  const refused = db.storage.getUser(1 as never);
  expect(refused).toBeInstanceOf(Promise);
  await rejection(refused);
});

it('methods return plain objects, arrays and Dates of the caller’s realm', async () => {
  const expiresAt = inAnHour();
  const { id: userId } = await db.storage.createUser(userInput());
  const session = await db.storage.createSession({ userId, entitlements: ['a'], expiresAt });
  expect(session).toBeInstanceOf(Object);
  expect(session.entitlements).toBeInstanceOf(Array);
  expect(session.expiresAt).toBeInstanceOf(Date);
  // toStrictEqual tells undefined from absent, and a class from a plain object.
  expect(session).toStrictEqual({
    id: expect.any(String),
    userId,
    entitlements: ['a'],
    expiresAt,
    metadata: {},
    createdAt: expect.any(Date),
    updatedAt: expect.any(Date),
  });
  await expect(db.storage.getSession(session.id)).resolves.toStrictEqual(session);
});

it('Dates inside OAuth accounts and members of organizations are Date objects', async () => {
  const { id: userId } = await db.storage.createUser(userInput());
  const linkedAt = new Date('2024-02-29T12:00:00.123Z');
  const user = await db.storage.linkOAuthAccount(userId, 'google', oauthLink('google', { linkedAt }));
  expect(user.oauth?.google?.linkedAt).toStrictEqual(linkedAt);
  const joinedAt = new Date('2024-03-31T01:59:59.999Z');
  const organization = await db.storage.createOrganization(
    organizationInput({ members: [{ userId, role: 'owner', joinedAt }] }),
  );
  expect(organization.members).toStrictEqual([{ userId, role: 'owner', joinedAt }]);
});

it('methods reject with errors of the caller’s realm', async () => {
  const error = await rejection(db.storage.updateUser('nobody', { name: 'x' }));
  expect(error).toBeInstanceOf(Error);
  expect(error).toBeInstanceOf(InternalError);
  expect(error.context).toBeInstanceOf(Object);
  expect(Object.prototype.toString.call(error)).toBe('[object Error]');
  expect(String(error)).toBe('InternalError: updateUser: there is no such user');
});

it('the constructor throws errors of the caller’s realm', () => {
  expect(() => new PostgresStorageAdapter('mysql://x')).toThrow(InternalError);
});

it('the stack of an error contains the caller’s function', async () => {
  async function signUp() {
    await db.storage.createUser({ email: '' });
  }
  async function rename() {
    await db.storage.updateUser('nobody', { name: 'x' });
  }
  expect((await rejection(signUp())).stack).toMatch(/\bsignUp\b/);
  expect((await rejection(rename())).stack).toMatch(/\brename\b/);
});

it('the cause of an error is an Error, and appears in its JSON without values of the row', async () => {
  const { id, email } = await db.storage.createUser(userInput());
  const error = await rejection(db.storage.createUser({ email: email as string }));
  expect(error.cause).toBeInstanceOf(Error);
  expect(error.cause?.name).toBe('DatabaseError');
  expect(error.cause).toMatchObject({ sqlState: '23505', table: 'users' });
  expect(JSON.parse(JSON.stringify(error))).toStrictEqual({
    name: 'InternalError',
    message: error.message,
    code: 'auth_postgres/conflict',
    kind: 'conflict',
    severity: 'warning',
    statusCode: 409,
    retryable: false,
    context: { ...error.context },
    cause: expect.objectContaining({ name: 'DatabaseError', sqlState: '23505' }),
  });
  expect(JSON.stringify(error)).not.toContain(email);
  expect(JSON.stringify(error)).not.toContain(id);
});
