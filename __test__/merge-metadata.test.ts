/** `mergeMetadata`: the keys given are set or removed, and the others stay. */
import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { useDatabase } from './helpers/database';
import { expectCode, expectInvalidInput } from './helpers/errors';
import { backendsOf, until, whileLocked } from './helpers/failing';
import { FAMILIES, type Family, makeWorld, type World } from './helpers/families';
import { apiKeyInput, sessionInput, unique } from './helpers/fixtures';
import { race } from './helpers/race';

const db = useDatabase();
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);
const MERGE = { mergeMetadata: true };

let world: World;
let storages: PostgresStorageAdapter[];
beforeAll(async () => {
  world = await makeWorld(db.storage);
  storages = [db.storage, db.adapter({ max: 4 }), db.adapter({ max: 4, pooler: 'transaction' })];
});

const CASES = FAMILIES.filter(({ update }) => update).map((family) => ({
  ...family,
  update: family.update as NonNullable<Family['update']>,
  /** The metadata of an API key is made of strings. */
  isOfStrings: family.name === 'API key',
}));

describe.each(CASES)('update with mergeMetadata: $name', ({ isOfStrings, ...family }) => {
  const create = (metadata: object) => family.create(db.storage, { ...family.input(world), metadata });
  const merge = (id: string, metadata: unknown, options: object | null = MERGE) =>
    family.update(db.storage, id, { metadata }, options);

  it('sets the keys given, removes those that are null, and leaves the others as they are', async () => {
    const { id } = await create({ kept: '1', replaced: '2', removed: '3' });
    const merged = await merge(id, { replaced: 'two', removed: null, missing: null, added: '4', '': 'empty' });
    expect(merged.metadata).toStrictEqual({ kept: '1', replaced: 'two', added: '4', '': 'empty' });
    await expect(family.get(db.storage, id)).resolves.toStrictEqual(merged);
    const odd = Object.fromEntries(['__proto__', '$.a', 'a,b', '{"x}', "o'hara"].map((key) => [key, key]));
    expect((await merge(id, odd)).metadata).toStrictEqual({ ...merged.metadata, ...odd });
    const without = Object.fromEntries(Object.keys(odd).map((key) => [key, null]));
    expect((await merge(id, without)).metadata).toStrictEqual(merged.metadata);
  });

  it('replaces the whole metadata if it is false or not given', async () => {
    const { id } = await create({ a: '1' });
    for (const options of [{ mergeMetadata: false }, { mergeMetadata: null }, {}, null]) {
      expect((await merge(id, { b: '2' }, options)).metadata).toStrictEqual({ b: '2' });
      expect((await merge(id, { a: '1' }, options)).metadata).toStrictEqual({ a: '1' });
    }
  });

  it('clears the metadata if it is null, and leaves it as it is if it is not given', async () => {
    const { id, updatedAt } = await create({ a: '1' });
    const unchanged = await merge(id, undefined);
    expect([unchanged.metadata, unchanged.updatedAt]).toStrictEqual([{ a: '1' }, updatedAt]);
    expect((await merge(id, null)).metadata).toStrictEqual({});
  });

  it('does not touch updatedAt if the metadata is the same afterwards', async () => {
    const before = await create({ a: '1' });
    for (const metadata of [{}, { a: '1' }, { missing: null }]) {
      await expect(merge(before.id, metadata)).resolves.toStrictEqual(before);
    }
  });

  it('changes other fields in the same statement, and nothing at all if the record has been changed', async () => {
    const read = await create({ a: '1' });
    const options = { ...MERGE, ifUpdatedAt: read.updatedAt };
    const changed = await family.update(db.storage, read.id, { metadata: { b: '2' } }, options);
    expect(changed.metadata).toStrictEqual({ a: '1', b: '2' });
    const late = family.update(db.storage, read.id, { metadata: { c: '3' } }, options);
    await expectCode(late, 'conflict', { field: 'updatedAt' });
    await expect(family.get(db.storage, read.id)).resolves.toStrictEqual(changed);
  });

  it('refuses metadata that is no object, and an option that is no boolean, and changes nothing', async () => {
    const before = await create({ a: '1' });
    for (const metadata of [['a'], 'a', 1, true, { a: 'a\0b' }, { 'a\0b': null }, { '\ud800': 'x' }]) {
      await expectInvalidInput(merge(before.id, metadata), 'metadata');
    }
    for (const mergeMetadata of ['true', 1, {}]) {
      await expectInvalidInput(merge(before.id, { a: '2' }, { mergeMetadata }), 'mergeMetadata');
    }
    await expectInvalidInput(merge(before.id, { a: '2' }, { mergeMetaData: true }), 'mergeMetaData');
    await expectCode(family.update(db.storage, unique('none'), { metadata: { a: '2' } }, MERGE), 'not_found');
    await expect(family.get(db.storage, before.id)).resolves.toStrictEqual(before);
  });

  it.each([64, 256])('loses none of %i keys that are merged at once', async (calls) => {
    const { id } = await create({ from: 'before' });
    const { rejected } = await race(calls, storages, (storage, at) =>
      family.update(storage, id, { metadata: { [`k${at}`]: `${at}` } }, MERGE),
    );
    expect(rejected).toEqual([]);
    const all = Object.fromEntries(numbers(calls).map((at) => [`k${at}`, `${at}`]));
    expect((await family.get(db.storage, id)).metadata).toStrictEqual({ from: 'before', ...all });
  });

  it('merges into what is there when a lock that it has waited for is released', async () => {
    const { id } = await create({ a: '1' });
    const storage = db.adapter({ application_name: 'merges', max: 4 });
    await whileLocked(db, `SELECT FROM ${family.table} WHERE id = $1 FOR UPDATE`, [id], async (release) => {
      const calls = race(64, (at) => family.update(storage, id, { metadata: { [`k${at}`]: 'x' } }, MERGE));
      await until(async () => (await backendsOf(db, 'merges', { waiting: true })).length > 0);
      await release();
      expect((await calls).fulfilled).toHaveLength(64);
    });
    expect(Object.keys((await family.get(db.storage, id)).metadata)).toHaveLength(65);
  });

  if (isOfStrings) return;

  it('replaces objects inside the metadata whole, with the nulls in them', async () => {
    const { id } = await create({ deep: { a: 1, b: { c: 2 } }, list: [1, 2], stays: { n: null } });
    const merged = await merge(id, { deep: { b: { d: null } }, list: [null] });
    expect(merged.metadata).toStrictEqual({ deep: { b: { d: null } }, list: [null], stays: { n: null } });
  });

  it('counts stored metadata that is no object as an empty one', async () => {
    for (const stored of ['null', '[1, 2]', '"text"', '7']) {
      const { id } = await create({});
      await db.query(`UPDATE ${family.table} SET metadata = $2::text::jsonb WHERE id = $1`, [id, stored]);
      expect((await merge(id, { a: '1', b: null })).metadata).toStrictEqual({ a: '1' });
    }
  });

  it('leaves a null that is stored under another key', async () => {
    const { id } = await create({});
    await merge(id, { stored: null, other: '1' }, {});
    expect((await merge(id, { other: '2' })).metadata).toStrictEqual({ stored: null, other: '2' });
  });
});

it('updateApiKey takes null as a value only with mergeMetadata, and nothing but strings', async () => {
  const { id } = await db.storage.createApiKey(apiKeyInput(world.userId, { metadata: { a: '1' } }));
  await expectInvalidInput(db.storage.updateApiKey(id, { metadata: { a: null } }), 'metadata');
  await expectInvalidInput(
    db.storage.updateApiKey(id, { metadata: { a: null } }, { mergeMetadata: false }),
    'metadata',
  );
  for (const value of [1, true, {}, ['a']]) {
    await expectInvalidInput(db.storage.updateApiKey(id, { metadata: { a: value } as never }, MERGE), 'metadata');
  }
  await expectInvalidInput(
    db.storage.createApiKey(apiKeyInput(world.userId, { metadata: { a: null } as never })),
    'metadata',
  );
  expect((await db.storage.getApiKey(id))?.metadata).toStrictEqual({ a: '1' });
});

it('updateSession merges into some sessions and replaces the metadata of others in one statement', async () => {
  const sessions = await Promise.all(
    numbers(300).map(() => db.storage.createSession(sessionInput(world.userId, { metadata: { a: 1, b: 2 } }))),
  );
  const updated = await Promise.all(
    sessions.map(({ id }, at) => {
      const metadata = at % 4 === 0 ? null : { b: null, at };
      return db.storage.updateSession(id, { metadata }, { mergeMetadata: at % 2 === 0 });
    }),
  );
  for (const [at, { metadata }] of updated.entries()) {
    const [merged, replaced] = [
      { a: 1, at },
      { b: null, at },
    ];
    expect(metadata).toStrictEqual(at % 4 === 0 ? {} : at % 2 === 0 ? merged : replaced);
  }
});
