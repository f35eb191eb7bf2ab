/** How large the values of a call may be, and the errors beyond that. */
import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { useDatabase } from './helpers/database';
import { expectCode, expectInvalidInput } from './helpers/errors';
import { inAnHour } from './helpers/fixtures';

const db = useDatabase();
let storage: PostgresStorageAdapter;

beforeAll(() => {
  // What is large takes a busy machine its time.
  storage = db.adapter({ statementTimeoutMs: 60_000 });
});

/** An object with so many levels, itself included. */
function nested(levels: number): Record<string, unknown> {
  let value: Record<string, unknown> = {};
  for (let level = 1; level < levels; level += 1) value = { a: value };
  return value;
}

it.each([128, 512])('createUser keeps JSON with %i levels', async (levels) => {
  const { id } = await storage.createUser({ metadata: nested(levels) });
  expect(JSON.stringify((await storage.getUser(id))?.metadata)).toBe(JSON.stringify(nested(levels)));
});

it.each([513, 5_000, 200_000])('createUser and updateUser reject JSON with %i levels', async (levels) => {
  const { id } = await storage.createUser({});
  await expectInvalidInput(storage.createUser({ metadata: nested(levels) }), 'metadata');
  await expectInvalidInput(storage.updateUser(id, { metadata: nested(levels) }), 'metadata');
});

jest.setTimeout(120_000);

it('createUser keeps 10 MB of JSON', async () => {
  const metadata = { text: 'ü"\\'.repeat(2_000_000), list: Array.from({ length: 100_000 }, (_, at) => at) };
  const { id } = await storage.createUser({ metadata });
  // Compared as text: a difference of this size is not to be printed.
  expect(JSON.stringify((await storage.getUser(id))?.metadata.text) === JSON.stringify(metadata.text)).toBe(true);
  expect((await storage.getUser(id))?.metadata.list).toHaveLength(100_000);
});

it('createUser keeps a million entitlements, and createApiKeyWithSecret a million scopes', async () => {
  const million = Array.from({ length: 1_000_000 }, (_, at) => `scope:${at}`);
  const { id } = await storage.createUser({ entitlements: million });
  const user = await storage.getUser(id);
  expect(user?.entitlements).toHaveLength(1_000_000);
  expect(user?.entitlements.at(-1)).toBe('scope:999999');
  const { record } = await storage.createApiKeyWithSecret(id, million);
  expect(record.scopes).toHaveLength(1_000_000);
});

it('createUser keeps strings of 1 MB, but rejects an e-mail that does not fit into an index', async () => {
  const long = 'é'.repeat(500_000);
  const { id } = await storage.createUser({ name: long, picture: long });
  const user = await storage.getUser(id);
  expect(user?.name === long && user?.picture === long).toBe(true);
  await expectInvalidInput(storage.createUser({ email: long }), 'email');
  await expect(storage.getUser(long)).resolves.toBeNull();
  await expect(storage.getUserByEmail(long)).resolves.toBeNull();
});

it('an argument of more than 32 MiB is rejected as invalid input', async () => {
  const { id } = await storage.createUser({});
  await expectInvalidInput(storage.createUser({ name: 'x'.repeat(33 << 20) }), 'user');
  await expectInvalidInput(storage.updateUser(id, { metadata: { text: 'x'.repeat(33 << 20) } }), 'patch');
  await expect(
    storage.createSession({ userId: id, expiresAt: inAnHour(), metadata: { text: 'x'.repeat(31 << 20) } }),
  ).resolves.toMatchObject({ userId: id });
});

it('a result too large for a JavaScript string rejects with resource_exhausted, and the next call succeeds', async () => {
  const { id } = await storage.createUser({});
  await db.query(
    `INSERT INTO api_keys (id, principal_user_id, hash, prefix, last_four, metadata)
     SELECT 'large-' || n, $1, 'large-' || n, 'kit', 'abcd', jsonb_build_object('text', repeat('x', 30 << 20))
       FROM generate_series(1, 9) AS n`,
    [id],
  );
  await expectCode(storage.listApiKeys(id), 'resource_exhausted');
  await expect(storage.getUser(id)).resolves.toMatchObject({ id });
});
