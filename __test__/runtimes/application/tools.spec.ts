/** Written for jest and vitest alike; both bring `describe` and the others as globals. */
import { InternalError, PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { useTestStorage } from '@kitiumai/auth-postgres/testing';

const HOUR = 3_600_000;

describe('an application', () => {
  const storage = new PostgresStorageAdapter(process.env.DATABASE_URL as string);

  beforeAll(() => storage.connect());
  afterAll(() => storage.disconnect());

  it('compares records with toStrictEqual', async () => {
    const user = await storage.createUser({ entitlements: ['read'], metadata: { theme: 'dark' } });
    expect(await storage.getUser(user.id)).toStrictEqual(user);
    expect(user).toStrictEqual({
      id: expect.any(String),
      plan: 'free',
      entitlements: ['read'],
      metadata: { theme: 'dark' },
      createdAt: expect.any(Date),
      updatedAt: expect.any(Date),
    });
    const expiresAt = new Date(Date.now() + HOUR);
    expect(await storage.createSession({ userId: user.id, entitlements: [], expiresAt })).toMatchObject({ expiresAt });
  });

  it('sees errors of its own realm', async () => {
    const updating = storage.updateUser('nobody', { name: 'x' });
    expect(updating).toBeInstanceOf(Promise);
    const error = await updating.catch((caught) => caught);
    expect(error).toBeInstanceOf(InternalError);
    expect(error).toBeInstanceOf(Error);
    expect(error.context).toEqual({ operation: 'updateUser' });
  });
});

describe('a database for tests', () => {
  const { storage, travelTo } = useTestStorage({ serverUrl: process.env.DATABASE_URL as string });

  it('has a clock that moves, as Date does', async () => {
    const user = await storage.createUser({});
    const { id, expiresAt } = await storage.createSession({
      userId: user.id,
      entitlements: [],
      expiresAt: new Date(Date.now() + HOUR),
    });
    await travelTo(expiresAt, { freeze: true });
    expect(await storage.getSession(id)).toBeNull();
    expect(new Date()).toStrictEqual(expiresAt);
    expect((await storage.createUser({})).createdAt).toStrictEqual(expiresAt);
  });

  it('says the real time in the next test', async () => {
    const { createdAt } = await storage.createUser({});
    expect(Math.abs(createdAt.getTime() - Date.now())).toBeLessThan(HOUR / 2);
  });
});
