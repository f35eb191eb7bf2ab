const { useTestStorage } = require('@kitiumai/auth-postgres/testing');
const { accounts, EmailTakenError } = require('../src/accounts');

const { storage } = useTestStorage();
const app = accounts(storage);

it('signs somebody up', async () => {
  const user = await app.signUp('ada@example.com');
  // Records are plain objects of the test's own realm, with Dates in them.
  expect(user).toStrictEqual({
    id: expect.any(String),
    email: 'ada@example.com',
    plan: 'free',
    entitlements: ['read'],
    metadata: {},
    createdAt: expect.any(Date),
    updatedAt: expect.any(Date),
  });
});

it('takes an e-mail address once, whatever its case', async () => {
  await app.signUp('grace@example.com');
  await expect(app.signUp('Grace@Example.com')).rejects.toBeInstanceOf(EmailTakenError);
});

it('decides a race for an address', async () => {
  const attempts = await Promise.allSettled(Array.from({ length: 10 }, () => app.signUp('alan@example.com')));
  expect(attempts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
});
