/** What holds for the records of every family alike. */
import { useDatabase } from './helpers/database';
import { expectCode, expectInvalidInput } from './helpers/errors';
import { FAMILIES, type Family, makeWorld, type World } from './helpers/families';
import { unique } from './helpers/fixtures';

const db = useDatabase();
let world: World;

beforeAll(async () => {
  world = await makeWorld(db.storage);
});

/** `it.each`, which refuses an empty table. */
function each(fields: string[], title: (field: string) => string, test: (field: string) => Promise<void>) {
  for (const field of fields) it(title(field), () => test(field));
}

const without = (input: Record<string, unknown>, field: string) => ({ ...input, [field]: undefined });
const updatable = FAMILIES.filter(({ update }) => update);

describe.each(FAMILIES)('$name', (family: Family) => {
  const create = (input: Record<string, unknown> = family.input(world)) => family.create(db.storage, input);
  const count = async () => (await db.query(`SELECT count(*)::int AS n FROM ${family.table}`))[0].n;

  it('reads back what was created', async () => {
    const input = family.input(world);
    const record = await create(input);
    expect(record).toMatchObject(input);
    await expect(family.get(db.storage, record.id)).resolves.toStrictEqual(record);
  });

  it('keeps a given id, and refuses it a second time', async () => {
    const id = unique('id-ü');
    await expect(create({ ...family.input(world), id })).resolves.toMatchObject({ id });
    const before = await count();
    await expectCode(create({ ...family.input(world), id }), 'conflict', { field: 'id' });
    expect(await count()).toBe(before);
  });

  it('refuses an id that is taken by the very same record', async () => {
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

  it('needs only the required fields, and takes null for the others', async () => {
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
    (field) => `refuses a create without ${field}`,
    async (field) => {
      const before = await count();
      await expectInvalidInput(create(without(family.input(world), field)), field);
      await expectInvalidInput(create({ ...family.input(world), [field]: null }), field);
      expect(await count()).toBe(before);
    },
  );

  each(
    family.references,
    (field) => `refuses a ${field} that does not exist`,
    async (field) => {
      await expectCode(create({ ...family.input(world), [field]: unique('nobody') }), 'invalid_reference', { field });
    },
  );

  it('finds nothing under an unknown or empty id', async () => {
    await expect(family.get(db.storage, unique('unknown'))).resolves.toBeNull();
    await expect(family.get(db.storage, '')).resolves.toBeNull();
  });

  it('takes createdAt and updatedAt, and ignores them', async () => {
    const old = new Date('2001-02-03T04:05:06.789Z');
    const record = await create({ ...family.input(world), createdAt: old, updatedAt: old });
    expect(record.createdAt ?? record.linkedAt).not.toEqual(old);
  });

  it('refuses an invalid Date and a number for a string', async () => {
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

describe.each(updatable)('update of a $name', (family: Family) => {
  const update = (id: string, patch: unknown) =>
    (family.update as NonNullable<Family['update']>)(db.storage, id, patch);
  const create = () => family.create(db.storage, family.input(world));

  it('takes a whole record back', async () => {
    const record = await create();
    const updated = await update(record.id, record);
    expect({ ...updated, updatedAt: null }).toStrictEqual({ ...record, updatedAt: null });
  });

  it('returns the record unchanged for an empty patch', async () => {
    const record = await create();
    await expect(update(record.id, {})).resolves.toStrictEqual(record);
    await expect(update(record.id, { updatedAt: new Date(0), id: 'other' })).resolves.toStrictEqual(record);
  });

  it('changes every field to that of another record', async () => {
    const record = await create();
    const input = family.input(world);
    const updated = await update(record.id, input);
    expect(updated).toMatchObject({ ...input, id: record.id });
    expect(updated.updatedAt.getTime()).toBeGreaterThanOrEqual(record.updatedAt.getTime());
    await expect(family.get(db.storage, record.id)).resolves.toStrictEqual(updated);
  });

  it.each(Object.keys(family.clearable ?? {}))('clears %s set to null, and leaves it when undefined', async (field) => {
    const record = await create();
    await expect(update(record.id, { [field]: undefined })).resolves.toStrictEqual(record);
    const cleared = await update(record.id, { [field]: null });
    expect(cleared[field]).toEqual(family.clearable?.[field]);
    expect({ ...cleared, [field]: record[field], updatedAt: null }).toStrictEqual({ ...record, updatedAt: null });
  });

  it.each(family.fixed ?? [])('cannot clear %s', async (field) => {
    const record = await create();
    await expectInvalidInput(update(record.id, { [field]: null }), field);
    await expect(family.get(db.storage, record.id)).resolves.toStrictEqual(record);
  });

  each(
    family.references,
    (field) => `refuses a ${field} that does not exist`,
    async (field) => {
      const record = await create();
      await expectCode(update(record.id, { [field]: unique('nobody') }), 'invalid_reference', { field });
      await expect(family.get(db.storage, record.id)).resolves.toStrictEqual(record);
    },
  );

  it('rejects with not_found when there is none', async () => {
    await expectCode(update(unique('unknown'), family.input(world)), 'not_found');
    await expectCode(update(unique('unknown'), {}), 'not_found');
  });
});

describe.each(FAMILIES.filter(({ remove }) => remove))('delete of a $name', (family: Family) => {
  it('deletes, and deletes again without complaint', async () => {
    const { id } = await family.create(db.storage, family.input(world));
    const remove = family.remove as NonNullable<Family['remove']>;
    await expect(remove(db.storage, id)).resolves.toBeUndefined();
    await expect(family.get(db.storage, id)).resolves.toBeNull();
    await expect(remove(db.storage, id)).resolves.toBeUndefined();
  });
});
