/** The methods for API keys: principals, look-ups, and keys that the adapter generates. */
import { useDatabase } from './helpers/database';
import { expectCode, expectInvalidInput } from './helpers/errors';
import { until } from './helpers/failing';
import { makeWorld } from './helpers/families';
import { anHourAgo, apiKeyInput, inAnHour, inMs, organizationInput, sha256, unique } from './helpers/fixtures';
import { ids, tie } from './helpers/order';
import { Relay } from './helpers/relay';
import { sqlOf } from './helpers/wire';

const db = useDatabase();
let userId: string;
let orgId: string;

beforeAll(async () => {
  ({ userId, orgId } = await makeWorld(db.storage));
});

it('createApiKey accepts an organization as principal, and rejects an id that is both a user’s and an organization’s', async () => {
  const key = await db.storage.createApiKey(apiKeyInput(orgId));
  expect(ids(await db.storage.listApiKeys(orgId))).toEqual([key.id]);
  const both = unique('both');
  await db.storage.createUser({ id: both });
  await db.storage.createOrganization(organizationInput({ id: both }));
  await expectCode(db.storage.createApiKey(apiKeyInput(both)), 'invalid_reference', { field: 'principalId' });
});

it('getApiKeyByHash finds one key, and getApiKeysByPrefixAndLastFour lists the keys that fit in a fixed order', async () => {
  const prefix = unique('pre');
  const keys = await Promise.all([1, 2, 3].map(() => db.storage.createApiKey(apiKeyInput(userId, { prefix }))));
  const order = await tie(db, 'api_keys', keys);
  expect(ids(await db.storage.getApiKeysByPrefixAndLastFour(prefix, 'abcd'))).toEqual(order);
  expect(await db.storage.getApiKeysByPrefixAndLastFour(prefix, 'dcba')).toEqual([]);
  expect((await db.storage.getApiKeyByHash(keys[0]?.hash as string))?.id).toBe(keys[0]?.id);
});

it('verifyApiKeySecret accepts a generated key and its rotated successor, and the old key until its expiry', async () => {
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

it('verifyApiKeySecret refuses a key as soon as it has been rotated, within the same millisecond too', async () => {
  for (let round = 0; round < 100; round += 1) {
    const { record, key } = await db.storage.createApiKeyWithSecret(userId, [], 'kit');
    await db.storage.rotateApiKey(record.id);
    expect(await db.storage.verifyApiKeySecret(key)).toBeNull();
  }
});

it('createApiKey and updateApiKey reject a hash that another key has', async () => {
  const [one, two] = await Promise.all([1, 2].map(() => db.storage.createApiKey(apiKeyInput(userId))));
  const { hash } = one as { hash: string };
  await expectCode(db.storage.createApiKey(apiKeyInput(userId, { hash })), 'conflict', { field: 'hash' });
  await expectCode(db.storage.updateApiKey(two?.id as string, { hash, prefix: 'new' }), 'conflict', { field: 'hash' });
  await expect(db.storage.getApiKey(two?.id as string)).resolves.toStrictEqual(two);
  await expect(db.storage.getApiKeyByHash(unique('none'))).resolves.toBeNull();
  await expect(db.storage.getApiKeyByHash('')).resolves.toBeNull();
});

it('listApiKeys lists the keys of a principal newest first, including expired ones', async () => {
  const { id } = await db.storage.createUser({});
  const keys = await Promise.all(
    [anHourAgo(), inAnHour(), null].map((expiresAt) => db.storage.createApiKey(apiKeyInput(id, { expiresAt }))),
  );
  const order = await tie(db, 'api_keys', keys);
  expect(ids(await db.storage.listApiKeys(id))).toEqual(order);
  await db.query(`UPDATE api_keys SET created_at = '2021-01-01T00:00:00Z' WHERE id = $1`, [order[2]]);
  expect(ids(await db.storage.listApiKeys(id))).toEqual([order[2], order[0], order[1]]);
  expect(await db.storage.listApiKeys(unique('nobody'))).toEqual([]);
  expect(await db.storage.listApiKeys('')).toEqual([]);
  expect(await db.storage.getApiKeysByPrefixAndLastFour('', '')).toEqual([]);
});

it('createApiKey accepts only text as values of metadata', async () => {
  const make = (metadata: unknown) => db.storage.createApiKey(apiKeyInput(userId, { metadata: metadata as never }));
  await expectInvalidInput(make({ count: 1 }), 'metadata');
  await expectInvalidInput(make({ list: [] }), 'metadata');
  await expectInvalidInput(make([]), 'metadata');
  await expect(make({ '': '', 'a b': 'ü' })).resolves.toMatchObject({ metadata: { '': '', 'a b': 'ü' } });
});

it('updateApiKey moves a key from a user to an organization, and rejects an unknown principal', async () => {
  const { id } = await db.storage.createApiKey(apiKeyInput(userId));
  await expect(db.storage.updateApiKey(id, { principalId: orgId })).resolves.toMatchObject({ principalId: orgId });
  expect(ids(await db.storage.listApiKeys(orgId))).toContain(id);
  const lost = db.storage.updateApiKey(id, { principalId: unique('nobody') });
  await expectCode(lost, 'invalid_reference', { field: 'principalId' });
  await expect(db.storage.getApiKey(id)).resolves.toMatchObject({ principalId: orgId });
});

it('createApiKeyWithSecret uses the prefix `api` and no expiry by default, and rejects wrong arguments', async () => {
  const { key, record } = await db.storage.createApiKeyWithSecret(userId, []);
  expect(key).toMatch(/^api_[0-9a-f]{64}$/);
  expect(record).toMatchObject({ principalId: userId, prefix: 'api', scopes: [], metadata: {} });
  expect(record).not.toHaveProperty('expiresAt');
  await expectCode(db.storage.createApiKeyWithSecret(unique('nobody'), []), 'invalid_reference', {
    field: 'principalId',
  });
  await expectInvalidInput(db.storage.createApiKeyWithSecret(userId, ['a', 7 as never]), 'scopes[1]');
  await expectInvalidInput(db.storage.createApiKeyWithSecret(userId, [], ''), 'prefix');
});

it('verifyApiKeySecret returns null for an expired key and for text that is no key', async () => {
  const { key, record } = await db.storage.createApiKeyWithSecret(userId, ['read']);
  for (const wrong of ['', 'api_', key.toUpperCase(), key.slice(0, -1), record.hash]) {
    await expect(db.storage.verifyApiKeySecret(wrong)).resolves.toBeNull();
  }
  await db.storage.updateApiKey(record.id, { expiresAt: anHourAgo() });
  await expect(db.storage.verifyApiKeySecret(key)).resolves.toBeNull();
  await expect(db.storage.getApiKey(record.id)).resolves.toMatchObject({ id: record.id });
});

it('rotateApiKey rejects a key that has expired or was rotated before', async () => {
  const expired = await db.storage.createApiKey(apiKeyInput(userId, { expiresAt: anHourAgo() }));
  await expectCode(db.storage.rotateApiKey(expired.id), 'expired');
  await expectCode(db.storage.rotateApiKey(expired.id, { expiresOldKeysAt: inAnHour() }), 'expired');
  const old = await db.storage.createApiKey(apiKeyInput(userId, { expiresAt: null }));
  await db.storage.rotateApiKey(old.id);
  await expectCode(db.storage.rotateApiKey(old.id), 'expired');
  await expectCode(db.storage.rotateApiKey(unique('none')), 'not_found');
});

it('rotateApiKey copies every field but id, hash and last four to the new key, and lets the old key expire', async () => {
  const input = apiKeyInput(orgId, { metadata: { name: 'cli' }, expiresAt: inAnHour() });
  const old = await db.storage.createApiKey(input);
  await expectInvalidInput(db.storage.rotateApiKey(old.id, { expiresOldKeysAt: 'soon' }), 'expiresOldKeysAt');
  await expectInvalidInput(db.storage.rotateApiKey(old.id, { expiresAt: inAnHour() } as never), 'expiresAt');
  await expect(db.storage.getApiKey(old.id)).resolves.toStrictEqual(old);
  const { record } = await db.storage.rotateApiKey(old.id);
  const { id: _, hash, lastFour, createdAt, updatedAt, ...same } = old;
  expect(record).toMatchObject(same);
  expect(record.id).not.toBe(old.id);
  expect((await db.storage.getApiKey(old.id))?.expiresAt?.getTime()).toBeLessThan(old.expiresAt?.getTime() as number);
  expect(ids(await db.storage.listApiKeys(orgId))).toEqual(expect.arrayContaining([old.id, record.id]));
});

it('rotateApiKey rejects a key that a later call has rotated, although its own transaction began before', async () => {
  const { id: owner } = await db.storage.createUser({});
  const { record } = await db.storage.createApiKeyWithSecret(owner, ['read']);
  const relay = await Relay.start(db.url);
  const older = db.adapter({ pooler: 'transaction', max: 1 }, relay.url);
  await older.connect();
  // The first transaction reads the key, the second one rotates it: it stops when it has begun.
  let begun = 0;
  let isHeld = false;
  relay.onMessage((message) => {
    if (/^BEGIN/.test(sqlOf(message) ?? '')) begun += 1;
    if (message.from === 'server' && message.type === 'Z' && begun === 2 && !isHeld) {
      isHeld = true;
      relay.hold();
    }
    return 'pass';
  });
  const late = older.rotateApiKey(record.id);
  await until(async () => isHeld);
  const { key } = await db.storage.rotateApiKey(record.id);
  relay.release();
  await expectCode(late, 'expired');
  await expect(db.storage.verifyApiKeySecret(key)).resolves.not.toBeNull();
  // The key that expired, and one that took its place.
  const made = await db.query('SELECT FROM api_keys WHERE principal_id = $1', [owner]);
  expect(made).toHaveLength(2);
  await older.disconnect();
  await relay.close();
});
