const { accounts } = require('../src/accounts');
const { useStorage } = require('./database');

const storage = useStorage();
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
  const session = await app.signIn(EMAIL, { lastsMs: 1 });
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(await app.whoIs(session?.id ?? '')).toBeNull();
});

it('signs out everywhere', async () => {
  const sessions = await Promise.all([app.signIn(EMAIL), app.signIn(EMAIL)]);
  await app.signOutEverywhere(user.id);
  for (const session of sessions) expect(await app.whoIs(session?.id ?? '')).toBeNull();
});

it('signs in nobody who is not known', async () => {
  expect(await app.signIn('nobody@example.com')).toBeNull();
});
