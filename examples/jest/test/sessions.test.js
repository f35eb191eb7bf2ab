const { useTestStorage } = require('@kitiumai/auth-postgres/testing');
const { accounts } = require('../src/accounts');

const { storage, travelTo } = useTestStorage();
const app = accounts(storage);

// The same address as in the other file: its database is another one.
const EMAIL = 'ada@example.com';

/** @type {{ id: string }} */
let user;

beforeAll(async () => {
  user = await app.signUp(EMAIL);
});

it('knows who has signed in', async () => {
  const session = await app.signIn(EMAIL);
  expect(await app.whoIs(session?.id ?? '')).toMatchObject({ id: user.id, email: EMAIL });
});

it('knows nobody by a session that has expired', async () => {
  const session = await app.signIn(EMAIL);
  // A session ends by the server's clock. This moves it, and `Date`, until the end of the test.
  await travelTo(session?.expiresAt ?? new Date());
  expect(await app.whoIs(session?.id ?? '')).toBeNull();

  const next = await app.signIn(EMAIL);
  expect(await app.whoIs(next?.id ?? '')).toMatchObject({ email: EMAIL });
});

it('signs out everywhere', async () => {
  const sessions = await Promise.all([app.signIn(EMAIL), app.signIn(EMAIL)]);
  await app.signOutEverywhere(user.id);
  for (const session of sessions) expect(await app.whoIs(session?.id ?? '')).toBeNull();
});

it('signs in nobody who is not known', async () => {
  expect(await app.signIn('nobody@example.com')).toBeNull();
});
