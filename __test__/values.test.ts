/** Values are read as they were written. */
import { useDatabase } from './helpers/database';
import { makeWorld } from './helpers/families';
import { apiKeyInput } from './helpers/fixtures';

const db = useDatabase();
let userId: string;

beforeAll(async () => {
  ({ userId } = await makeWorld(db.storage));
});

it.each(['🔐👩‍👩‍👧', 'e\u0301 ≠ é', 'שלום', `'; DROP TABLE users; --`, '\\x00\\', '\u2028\n\t'])(
  'createUser returns the text %j as it was given, in names, lists and JSON',
  async (text) => {
    const metadata = { [text]: [text, null, { ['__proto__']: text }, 1e300, -0.5] };
    const user = await db.storage.createUser({ name: text, entitlements: [text, ''], metadata });
    expect(user).toMatchObject({ name: text, entitlements: [text, ''] });
    expect(user.metadata).toEqual(JSON.parse(JSON.stringify(metadata)));
  },
);

it.each([
  '0001-01-01T00:00:00.000Z',
  '1969-12-31T23:59:59.999Z',
  '2024-03-31T01:30:00.001Z',
  '9999-12-31T23:59:59.999Z',
])('createApiKey stores and returns the time %s exactly', async (text) => {
  const key = await db.storage.createApiKey(apiKeyInput(userId, { expiresAt: new Date(text) }));
  expect(key.expiresAt).toStrictEqual(new Date(text));
  const [row] = await db.query('SELECT extract(epoch FROM expires_at)::text AS s FROM api_keys WHERE id = $1', [
    key.id,
  ]);
  expect(Math.round(Number(row.s) * 1000)).toBe(Date.parse(text));
});

it('createApiKey reads a time with an offset as the same instant', async () => {
  const key = await db.storage.createApiKey(apiKeyInput(userId, { expiresAt: '2030-01-01T02:00:00.5+02:00' as never }));
  expect(key.expiresAt).toStrictEqual(new Date('2030-01-01T00:00:00.500Z'));
});

it('createUser accepts metadata of 100 nested objects', async () => {
  const deep = Array.from({ length: 100 }).reduce<object>((inner) => ({ inner }), { x: 1 });
  await expect(db.storage.createUser({ metadata: deep as never })).resolves.toMatchObject({ metadata: deep });
});
