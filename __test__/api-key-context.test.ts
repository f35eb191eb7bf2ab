/** getApiKeyContext: a key is verified, and found together with the user or the organization that it belongs to. */
import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { useDatabase } from './helpers/database';
import { expectCode } from './helpers/errors';
import { anHourAgo, inAnHour, memberInput, oauthLink, organizationInput, unique, userInput } from './helpers/fixtures';
import { race } from './helpers/race';

const db = useDatabase();
let userId: string;
let orgId: string;

beforeAll(async () => {
  ({ id: userId } = await db.storage.createUser(userInput()));
  await db.storage.linkOAuthAccount(userId, 'google', oauthLink('google'));
  ({ id: orgId } = await db.storage.createOrganization(organizationInput({ members: [memberInput(userId)] })));
});

const makeKey = (principalId: string) => db.storage.createApiKeyWithSecret(principalId, ['read', 'write']);

it('getApiKeyContext finds the record and the user of a user’s key', async () => {
  const { record, key } = await makeKey(userId);
  expect(await db.storage.getApiKeyContext(key)).toStrictEqual({
    apiKey: record,
    user: await db.storage.getUser(userId),
  });
});

it('getApiKeyContext finds the record and the organization of an organization’s key', async () => {
  const { record, key } = await makeKey(orgId);
  expect(await db.storage.getApiKeyContext(key)).toStrictEqual({
    apiKey: record,
    organization: await db.storage.getOrganization(orgId),
  });
});

it.each([1, 20])(
  'getApiKeyContext is null for a key that is unknown or has expired, also among %i calls',
  async (count) => {
    const { record, key } = await makeKey(userId);
    await db.storage.updateApiKey(record.id, { expiresAt: anHourAgo() });
    const wrong = ['', 'x', `${unique()}_y`, key, `${key}x`, key.slice(0, -1), record.hash];
    for (const each of wrong) {
      const found = await Promise.all(Array.from({ length: count }, () => db.storage.getApiKeyContext(each)));
      expect(new Set(found)).toEqual(new Set([null]));
    }
    await db.storage.updateApiKey(record.id, { expiresAt: inAnHour() });
    expect(await db.storage.getApiKeyContext(key)).toMatchObject({ apiKey: { id: record.id } });
  },
);

it('getApiKeyContext tells a user from an organization that got the same id later', async () => {
  const id = unique('both');
  await db.storage.createUser({ id });
  const { key } = await makeKey(id);
  await db.storage.createOrganization(organizationInput({ id }));
  const keys = [key, ...(await Promise.all([makeKey(orgId), makeKey(userId)])).map((each) => each.key)];
  const contexts = await Promise.all(keys.map((each) => db.storage.getApiKeyContext(each)));
  expect(contexts.map((context) => Object.keys(context ?? {}))).toEqual([
    ['apiKey', 'user'],
    ['apiKey', 'organization'],
    ['apiKey', 'user'],
  ]);
  expect(contexts[0]?.user?.id).toBe(id);
});

it.each([64, 256])(
  'getApiKeyContext finds for each of %i calls at once what verifyApiKeySecret finds',
  async (callers) => {
    const made = await Promise.all([userId, orgId, userId, orgId].map(makeKey));
    const { fulfilled, rejected } = await race(callers, async (at) => {
      const { record, key } = made[at % made.length] as (typeof made)[number];
      const context = await db.storage.getApiKeyContext(at % 5 === 0 ? `${key}x` : key);
      if (at % 5 === 0) return context === null;
      expect(context?.apiKey).toStrictEqual(record);
      return (context?.user ?? context?.organization)?.id === record.principalId;
    });
    expect(rejected).toEqual([]);
    expect(new Set(fulfilled)).toEqual(new Set([true]));
  },
);

it.each([64, 256])(
  'getApiKeyContext finds whole contexts or none while keys and their owners go, for %i calls',
  async (callers) => {
    const owners = await Promise.all(Array.from({ length: 6 }, () => db.storage.createUser({})));
    const made = await Promise.all(owners.map(({ id }) => makeKey(id)));
    const ends = made.map(({ record }, at) => () => {
      if (at % 3 === 0) return db.storage.deleteUser(record.principalId);
      return at % 3 === 1 ? db.storage.deleteApiKey(record.id) : db.storage.rotateApiKey(record.id);
    });
    const { rejected } = await race(
      callers,
      [db.storage, db.adapter()],
      async (storage: PostgresStorageAdapter, at) => {
        const { record, key } = made[at % made.length] as (typeof made)[number];
        if (at >= callers / 4 && at < callers / 4 + ends.length) await ends[at % ends.length]?.();
        const context = await storage.getApiKeyContext(key);
        if (context !== null)
          expect(context).toMatchObject({ apiKey: { id: record.id }, user: { id: record.principalId } });
        return context !== null;
      },
    );
    expect(rejected).toEqual([]);
    for (const { key } of made) expect(await db.storage.getApiKeyContext(key)).toBeNull();
  },
);

it('a row that cannot be read fails the call for it alone', async () => {
  const { id } = await db.storage.createUser({});
  const [unreadable, ...others] = await Promise.all([id, userId, orgId, userId].map(makeKey));
  await db.query(`UPDATE users SET created_at = 'infinity' WHERE id = $1`, [id]);
  const failing = Array.from({ length: 4 }, () => db.storage.getApiKeyContext(unreadable?.key as string));
  for (const call of failing) call.catch(() => undefined);
  for (const { key, record } of others) {
    expect(await db.storage.getApiKeyContext(key)).toMatchObject({ apiKey: { id: record.id } });
  }
  for (const call of failing) await expectCode(call, 'query_failed');
});
