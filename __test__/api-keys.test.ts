/** API keys: principals, look-ups, and keys that are made here. */
import { useDatabase } from './helpers/database';
import { expectCode } from './helpers/errors';
import { makeWorld } from './helpers/families';
import { apiKeyInput, inAnHour, inMs, organizationInput, sha256, unique } from './helpers/fixtures';
import { ids, tie } from './helpers/order';

const db = useDatabase();
let userId: string;
let orgId: string;

beforeAll(async () => {
  ({ userId, orgId } = await makeWorld(db.storage));
});

it('speak for an organization too, but not for one id that is both', async () => {
  const key = await db.storage.createApiKey(apiKeyInput(orgId));
  expect(ids(await db.storage.listApiKeys(orgId))).toEqual([key.id]);
  const both = unique('both');
  await db.storage.createUser({ id: both });
  await db.storage.createOrganization(organizationInput({ id: both }));
  await expectCode(db.storage.createApiKey(apiKeyInput(both)), 'invalid_reference', { field: 'principalId' });
});

it('are found by hash, and by prefix and last four in order', async () => {
  const prefix = unique('pre');
  const keys = await Promise.all([1, 2, 3].map(() => db.storage.createApiKey(apiKeyInput(userId, { prefix }))));
  const order = await tie(db, 'api_keys', keys);
  expect(ids(await db.storage.getApiKeysByPrefixAndLastFour(prefix, 'abcd'))).toEqual(order);
  expect(await db.storage.getApiKeysByPrefixAndLastFour(prefix, 'dcba')).toEqual([]);
  expect((await db.storage.getApiKeyByHash(keys[0]?.hash as string))?.id).toBe(keys[0]?.id);
});

it('with a secret are verified, rotated and expire', async () => {
  const { record, key } = await db.storage.createApiKeyWithSecret(userId, ['read'], 'kit');
  expect(key).toMatch(/^kit_[0-9a-f]{64}$/);
  expect(record).toMatchObject({ prefix: 'kit', hash: sha256(key), lastFour: key.slice(-4), scopes: ['read'] });
  expect(await db.storage.verifyApiKeySecret(key)).toStrictEqual(record);
  expect(await db.storage.verifyApiKeySecret(`${key}x`)).toBeNull();
  const later = inAnHour();
  const rotated = await db.storage.rotateApiKey(record.id, { expiresOldKeysAt: later });
  expect(rotated.record).toMatchObject({
    principalId: userId,
    prefix: 'kit',
    scopes: ['read'],
    hash: sha256(rotated.key),
  });
  expect(rotated.record).not.toHaveProperty('expiresAt');
  expect(await db.storage.verifyApiKeySecret(key)).toMatchObject({ expiresAt: later });
  await db.storage.rotateApiKey(record.id, { expiresOldKeysAt: inMs(7_200_000) });
  expect((await db.storage.getApiKey(record.id))?.expiresAt).toEqual(later);
  await db.storage.rotateApiKey(record.id);
  expect(await db.storage.verifyApiKeySecret(key)).toBeNull();
  expect(await db.storage.verifyApiKeySecret(rotated.key)).not.toBeNull();
  await expectCode(db.storage.rotateApiKey(unique('none')), 'not_found');
});
