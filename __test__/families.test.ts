/** Rules that hold for the records of every family of tables. */
import { useDatabase } from './helpers/database';
import { expectCode, expectInvalidInput } from './helpers/errors';
import { FAMILIES, type Family, makeWorld, type World } from './helpers/families';
import { unique } from './helpers/fixtures';

const db = useDatabase();
let world: World;

beforeAll(async () => {
  world = await makeWorld(db.storage);
});

/** Like `it.each`, which fails for an empty table. */
function each(fields: string[], title: (field: string) => string, test: (field: string) => Promise<void>) {
  for (const field of fields) it(title(field), () => test(field));
}

const without = (input: Record<string, unknown>, field: string) => ({ ...input, [field]: undefined });
const updatable = FAMILIES.filter(({ update }) => update);

describe.each(FAMILIES)('create and get: $name', (family: Family) => {
  const create = (input: Record<string, unknown> = family.input(world)) => family.create(db.storage, input);
  const count = async () => (await db.query(`SELECT count(*)::int AS n FROM ${family.table}`))[0].n;

  it('return the record as it was given to create', async () => {
    const input = family.input(world);
    const record = await create(input);
    expect(record).toMatchObject(input);
    await expect(family.get(db.storage, record.id)).resolves.toStrictEqual(record);
  });

  it('keep an id that is given, and reject its second use with conflict', async () => {
    const id = unique('id-ü');
    await expect(create({ ...family.input(world), id })).resolves.toMatchObject({ id });
    const before = await count();
    await expectCode(create({ ...family.input(world), id }), 'conflict', { field: 'id' });
    expect(await count()).toBe(before);
  });

  it('reject an id that is taken by an identical record, alone and among others', async () => {
    const input = { ...family.input(world), id: unique('same') };
    const record = await create(input);
    const before = await count();
    await expectCode(create(input), 'conflict', { field: 'id' });
    // Together with others of its kind as well.
    const together = await Promise.allSettled(
      Array.from({ length: 64 }, (_, at) => (at % 30 === 20 ? create(input) : create())),
    );
    expect(together.flatMap(({ status }, at) => (status === 'rejected' ? [at] : []))).toEqual([20, 50]);
    expect(await count()).toBe(before + 62);
    await expect(family.get(db.storage, record.id)).resolves.toStrictEqual(record);
  });

  it('need only the required fields, and treat null like an absent field', async () => {
    const required = () => {
      const input = family.input(world);
      return Object.fromEntries(family.required.map((field) => [field, input[field]]));
    };
    const nulls = Object.fromEntries(Object.keys(family.input(world)).map((field) => [field, null]));
    const bare = await create(required());
    const nulled = await create({ ...nulls, ...required() });
    expect(Object.keys(nulled).sort()).toEqual(Object.keys(bare).sort());
    expect(Object.values(bare)).not.toContain(null);
  });

  each(
    family.required,
    (field) => `reject a record without ${field}`,
    async (field) => {
      const before = await count();
      await expectInvalidInput(create(without(family.input(world), field)), field);
      await expectInvalidInput(create({ ...family.input(world), [field]: null }), field);
      expect(await count()).toBe(before);
    },
  );

  each(
    family.references,
    (field) => `reject ${field} when it does not exist`,
    async (field) => {
      await expectCode(create({ ...family.input(world), [field]: unique('nobody') }), 'invalid_reference', { field });
    },
  );

  it('return null for an unknown or empty id', async () => {
    await expect(family.get(db.storage, unique('unknown'))).resolves.toBeNull();
    await expect(family.get(db.storage, '')).resolves.toBeNull();
  });

  it('ignore createdAt and updatedAt', async () => {
    const old = new Date('2001-02-03T04:05:06.789Z');
    const record = await create({ ...family.input(world), createdAt: old, updatedAt: old });
    expect(record.createdAt ?? record.linkedAt).not.toEqual(old);
  });

  it('reject an invalid Date and a number in place of a string', async () => {
    const [field] = Object.entries(family.input(world)).find(([, value]) => typeof value === 'string') as [
      string,
      string,
    ];
    await expectInvalidInput(create({ ...family.input(world), [field]: 42 }), field);
    const dateField = Object.entries(family.input(world)).find(([, value]) => value instanceof Date)?.[0];
    if (dateField) {
      await expectInvalidInput(create({ ...family.input(world), [dateField]: new Date(Number.NaN) }), dateField);
      await expectInvalidInput(create({ ...family.input(world), [dateField]: 'soon' }), dateField);
    }
  });
});

describe.each(updatable)('update: $name', (family: Family) => {
  const update = (id: string, patch: unknown) =>
    (family.update as NonNullable<Family['update']>)(db.storage, id, patch);
  const create = () => family.create(db.storage, family.input(world));

  it('accepts a whole record as the patch', async () => {
    const record = await create();
    const updated = await update(record.id, record);
    expect({ ...updated, updatedAt: null }).toStrictEqual({ ...record, updatedAt: null });
  });

  it('returns the record unchanged for an empty patch, and ignores id and updatedAt', async () => {
    const record = await create();
    await expect(update(record.id, {})).resolves.toStrictEqual(record);
    await expect(update(record.id, { updatedAt: new Date(0), id: 'other' })).resolves.toStrictEqual(record);
  });

  it('changes every field that is given', async () => {
    const record = await create();
    const input = family.input(world);
    const updated = await update(record.id, input);
    expect(updated).toMatchObject({ ...input, id: record.id });
    expect(updated.updatedAt.getTime()).toBeGreaterThanOrEqual(record.updatedAt.getTime());
    await expect(family.get(db.storage, record.id)).resolves.toStrictEqual(updated);
  });

  it.each(Object.keys(family.clearable ?? {}))('clears %s for null, and keeps it for undefined', async (field) => {
    const record = await create();
    await expect(update(record.id, { [field]: undefined })).resolves.toStrictEqual(record);
    const cleared = await update(record.id, { [field]: null });
    expect(cleared[field]).toEqual(family.clearable?.[field]);
    expect({ ...cleared, [field]: record[field], updatedAt: null }).toStrictEqual({ ...record, updatedAt: null });
  });

  it.each(family.fixed ?? [])('rejects null for %s', async (field) => {
    const record = await create();
    await expectInvalidInput(update(record.id, { [field]: null }), field);
    await expect(family.get(db.storage, record.id)).resolves.toStrictEqual(record);
  });

  each(
    family.references,
    (field) => `rejects ${field} when it does not exist`,
    async (field) => {
      const record = await create();
      await expectCode(update(record.id, { [field]: unique('nobody') }), 'invalid_reference', { field });
      await expect(family.get(db.storage, record.id)).resolves.toStrictEqual(record);
    },
  );

  it('rejects an unknown id with not_found', async () => {
    await expectCode(update(unique('unknown'), family.input(world)), 'not_found');
    await expectCode(update(unique('unknown'), {}), 'not_found');
  });
});

describe.each(FAMILIES.filter(({ remove }) => remove))('delete: $name', (family: Family) => {
  it('deletes the record, and succeeds again when there is none', async () => {
    const { id } = await family.create(db.storage, family.input(world));
    const remove = family.remove as NonNullable<Family['remove']>;
    await expect(remove(db.storage, id)).resolves.toBeUndefined();
    await expect(family.get(db.storage, id)).resolves.toBeNull();
    await expect(remove(db.storage, id)).resolves.toBeUndefined();
  });
});
